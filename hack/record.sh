#!/bin/sh
# Plays a lesson in the real app as a beginner would, and makes a picture that moves of it.
#
#	sudo hack/record.sh LESSON OUT.svg [FRAMES [DATA-DIR]]
#
# A puzzle has no commands to follow: TYPE has what is tried, a command a line, and NAMES the
# words (as a regular expression) of which the first one in the introduction stands for @.
set -eu
lesson=$1 out=$2 most=${3:-7} data=${4:-$(mktemp -d)}
program=${KUBARIUM:-bin/kubarium}
frames=$(mktemp -d)
cols=120 rows=28 session=kubarium-record-$$
t() { tmux -L "$session" "$@"; }
screen() { t capture-pane -p -t "$session"; }
trap 't kill-server 2>/dev/null || true; rm -rf "$frames"' EXIT

home=$(mktemp -d)
t -f /dev/null new-session -d -s "$session" -x $cols -y $rows \
	"XDG_STATE_HOME=$home XDG_CONFIG_HOME=$home COLORTERM=truecolor $program --no-motion --name record --data-dir $data --lesson $lesson" \; set-option -g status off
n=0
frame() {
	n=$((n + 1))
	t capture-pane -e -p -t "$session" > "$frames/$(printf %03d $n).txt"
}
# The lesson ends by itself; what takes longer than a quarter of an hour is stuck.
tries=0 guess=1 name='' left=${TYPE:-}
# try types the next of the commands in TYPE.
try() {
	line=$(printf %s "$left" | head -n 1 | sed "s/@/$name/g")
	left=$(printf %s "$left" | tail -n +2)
	t send-keys -t "$session" :
	sleep 1
	t send-keys -t "$session" -l "${line#kubectl }"
	sleep 1
	t send-keys -t "$session" Enter
	sleep 4
	frame
}
while [ $tries -lt 900 ] && [ $n -lt "$most" ]; do
	tries=$((tries + 1))
	now=$(screen)
	# Commands and their answers take the focus; the lesson's keys are below when it has it.
	case $(printf %s "$now" | tail -n 1) in
	" : "*) t send-keys -t "$session" Escape; sleep 1; continue ;;
	*"type it"* | *"all lessons"* | *"begin"* | *"next step"* | *"answer"* | *"finish"* | *"hint"*) ;;
	*) case $now in *"enter: "* | *"t: kub"* | *": answer"* | *"s: show me"*) t send-keys -t "$session" L; sleep 1; continue ;; esac ;;
	esac
	case $now in
	*"enter: all lessons"*) frame; break ;;
	*"enter: begin"*)
		name=$(printf %s "$now" | grep -oE "${NAMES:-^$}" | head -n 1)
		frame
		t send-keys -t "$session" Enter
		;;
	*"enter: next step"*) frame; t send-keys -t "$session" Enter; guess=1 ;;
	*"enter: finish the lesson"*) frame; t send-keys -t "$session" Enter ;;
	*": answer question"*) t send-keys -t "$session" $guess; guess=$((guess % 3 + 1)); sleep 1; frame ;;
	*"t: kub"* | *"type it"*) t send-keys -t "$session" t; sleep 2; t send-keys -t "$session" Enter; sleep 3; frame ;;
	*"show me"*)
		if [ -n "$left" ]; then
			t send-keys -t "$session" h
			sleep 1
			frame
			try
		fi
		;;
	esac
	sleep 1
done
# Where a command or its answer has the keys, ctrl+c is for that.
while t has-session -t "$session" 2>/dev/null && [ $tries -lt 960 ]; do
	tries=$((tries + 1))
	t send-keys -t "$session" Escape 2>/dev/null || true
	t send-keys -t "$session" C-c 2>/dev/null || true
	sleep 3
done
[ -n "${4:-}" ] || { "$program" clean --yes --name record --data-dir "$data" >/dev/null && rm -rf "$data"; }
rm -rf "$home"
go run ./hack/screenshot -w $cols -h $rows -title "kubarium: lesson $lesson" -frames "$frames" > "$out"
echo "$n frames, $(wc -c < "$out") bytes"
