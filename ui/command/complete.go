package command

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

const (
	completeTime = 5 * time.Second
	// shownCandidates bounds the list under a word that has many ends.
	shownCandidates = 60
	// noSpace is the bit in which kubectl says that the word goes on.
	noSpace = 2
)

// completedMsg brings what the last word of a line could be.
type completedMsg struct {
	line    string
	word    string
	options []string
	noSpace bool
}

// complete asks kubectl how the line could go on; it knows the cluster's objects.
func (l *Line) complete() tea.Cmd {
	line := l.input.Value()
	args, err := Args(line)
	if err != nil || l.kubectl == nil {
		return nil
	}
	word := ""
	if !strings.HasSuffix(line, " ") && len(args) > 0 {
		word, args = args[len(args)-1], args[:len(args)-1]
	}
	kubectl, life := l.kubectl, l.ctx.Lifetime()
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, completeTime)
		defer cancel()
		var out bytes.Buffer
		cmd := kubectl(ctx, append(append([]string{"__complete"}, args...), word)...)
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			return nil
		}
		msg := completedMsg{line: line, word: word}
		msg.options, msg.noSpace = candidates(out.String(), word)
		return msg
	}
}

// candidates reads what kubectl's __complete prints: a line each, a description
// behind a tab, and a number of flags at the end.
func candidates(out, word string) (list []string, open bool) {
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		if n, ok := strings.CutPrefix(l, ":"); ok {
			if flags, err := strconv.Atoi(n); err == nil {
				open = flags&noSpace != 0
				continue
			}
		}
		l, _, _ = strings.Cut(l, "\t")
		if l = widget.Clean(l); strings.HasPrefix(l, word) && l != "" {
			list = append(list, l)
		}
	}
	return list, open
}

// completed puts into the line what all candidates have in common, and shows
// them if there are several.
func (l *Line) completed(msg completedMsg) {
	if l.input.Value() != msg.line || len(msg.options) == 0 || !l.open {
		return
	}
	common := msg.options[0]
	for _, o := range msg.options[1:] {
		for !strings.HasPrefix(o, common) {
			common = common[:len(common)-1]
		}
	}
	rest := strings.TrimPrefix(common, msg.word)
	if len(msg.options) == 1 && !msg.noSpace {
		rest += " "
	}
	l.input.SetValue(msg.line + rest)
	l.input.CursorEnd()
	if len(msg.options) > 1 && rest == "" {
		l.docked, l.pager.Follow = true, true
		l.list(msg.options)
	}
}

// list shows candidates in columns.
func (l *Line) list(options []string) {
	t := l.ctx.Theme
	more := 0
	if len(options) > shownCandidates {
		more, options = len(options)-shownCandidates, options[:shownCandidates]
	}
	width := 0
	for _, o := range options {
		width = max(width, widget.Width(o)+2)
	}
	perLine := max(1, max(20, l.w-4)/width)
	var line strings.Builder
	for i, o := range options {
		line.WriteString(widget.Fit(o, width, t.Icons.Ellipsis))
		if (i+1)%perLine == 0 || i == len(options)-1 {
			l.pager.Append(t.Tone(theme.Muted).Render(strings.TrimRight(line.String(), " ")))
			line.Reset()
		}
	}
	if more > 0 {
		l.pager.Append(t.Tone(theme.Muted).Render("and " + widget.Plural(more, "more", "more")))
	}
}
