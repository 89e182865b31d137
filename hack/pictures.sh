#!/bin/sh
# Makes the README's pictures from the real app: starts a cluster of its own, gives it something
# to show, looks at it as a person would, and removes it.
#
#	sudo hack/pictures.sh [OUT-DIR]		SHOT names a built hack/screenshot
set -eu
out=${1:-docs}
program=${KUBARIUM:-bin/kubarium}
home=$(mktemp -d) data=$(mktemp -d)
session=kubarium-pictures-$$ cols=160 rows=46
t() { tmux -L "$session" "$@"; }
screen() { t capture-pane -p -t "$session"; }
key() { t send-keys -t "$session" "$@"; sleep 1; }
kubectl() { "$program" --name pictures --data-dir "$data" kubectl "$@" >/dev/null; }
end() {
	t send-keys -t "$session" C-c 2>/dev/null || true
	for _ in $(seq 60); do t has-session -t "$session" 2>/dev/null || break; sleep 1; done
	t kill-server 2>/dev/null || true
	"$program" clean --yes --name pictures --data-dir "$data" >/dev/null || true
	rm -rf "$home" "$data"
}
trap end EXIT
# sees waits until a text is on the screen.
sees() {
	for _ in $(seq 180); do
		case $(screen) in *"$1"*) return ;; esac
		sleep 1
	done
	echo "never: $1" >&2
	screen >&2
	exit 1
}
picture() {
	t capture-pane -e -p -t "$session" | ${SHOT:-go run ./hack/screenshot} -w $cols -h $rows > "$out/$1.svg"
	echo "$out/$1.svg"
}

t -f /dev/null new-session -d -s "$session" -x $cols -y $rows \
	"XDG_STATE_HOME=$home XDG_CONFIG_HOME=$home COLORTERM=truecolor $program --no-motion --name pictures --data-dir $data --lesson first-pod" \; set-option -g status off
sees "all nodes are Ready"
kubectl create namespace shop
kubectl -n shop create deployment cart --image=kubarium/web:1.0 --replicas=4 --port=8080
kubectl -n shop expose deployment cart --port=80 --target-port=8080
kubectl -n shop create deployment payments --image=kubarium/toolbox:1.0 -- sh -c "exit 3"
kubectl -n shop create deployment search --image=kubarium/web:2.0 --replicas=3
kubectl run too-big --image=kubarium/web:1.0 --overrides='{"spec":{"containers":[{"name":"too-big","image":"kubarium/web:1.0","resources":{"requests":{"memory":"900Gi"}}}]}}'
kubectl run typo --image=kubarium/wbe:1.0
kubectl -n shop rollout status deployment/cart deployment/search
sees "CrashLoopBackOff"
key Enter
sees "Step 1 of 8"
picture kubarium

# The map, with the lines of all services to their pods.
key L
key m
key v
sees " cart 80/TCP "
picture map
