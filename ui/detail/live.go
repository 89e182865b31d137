package detail

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Looker is a Backend that can look inside of some objects: a pod's processes, a Service's
// packet rules, what a node's container runtime has.
type Looker interface {
	CanLook(ref watch.Ref) bool
	// Inside calls show with what is there, and again at each change, until ctx ends.
	Inside(ctx context.Context, ref watch.Ref, show func(text string)) error
}

// Teller is a Backend that knows what came of objects.
type Teller interface {
	CanTell(ref watch.Ref) bool
	// Story calls show with what is known, and again when there is more, until ctx ends.
	Story(ctx context.Context, ref watch.Ref, show func(text string)) error
}

// live is a tab with a text that somebody else writes, anew at each change.
type live struct {
	pager widget.Pager
	lines []string
	look  *look
	err   error
}

// look is one that goes on. It holds the newest text only.
type look struct {
	cancel context.CancelFunc
	text   chan string
	err    chan error
}

// liveMsg brings the newest text, or the end.
type liveMsg struct {
	from  *look
	text  string
	err   error
	ended bool
}

// live is the tab of that name; nil for another kind of tab.
func (v *View) live(tab pane.Tab) *live {
	switch tab {
	case pane.Inside:
		return &v.inside
	case pane.Story:
		return &v.story
	}
	return nil
}

func (l *live) close() {
	if l.look != nil {
		l.look.cancel()
		l.look = nil
	}
}

// openLive begins to look.
func (v *View) openLive(tab pane.Tab) tea.Cmd {
	var write func(context.Context, watch.Ref, func(string)) error
	if looker, ok := v.backend.(Looker); ok && tab == pane.Inside {
		write = looker.Inside
	}
	if teller, ok := v.backend.(Teller); ok && tab == pane.Story {
		write = teller.Story
	}
	shown := v.live(tab)
	if write == nil || shown.look != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(v.ctx.Lifetime())
	l := &look{cancel: cancel, text: make(chan string, 1), err: make(chan error, 1)}
	shown.look, shown.err, shown.lines = l, nil, nil
	ref := v.ref
	return func() tea.Msg {
		go func() {
			l.err <- write(ctx, ref, func(text string) {
				// A text that nobody took makes room.
				select {
				case <-l.text:
				default:
				}
				l.text <- text
			})
		}()
		return l.next()
	}
}

// next waits for the next text.
func (l *look) next() tea.Msg {
	select {
	case text := <-l.text:
		return liveMsg{from: l, text: text}
	case err := <-l.err:
		select {
		case text := <-l.text:
			// The last one counts, too; the end comes next.
			l.err <- err
			return liveMsg{from: l, text: text}
		default:
		}
		return liveMsg{from: l, err: err, ended: true}
	}
}

func (v *View) gotLive(msg liveMsg) tea.Cmd {
	i := &v.inside
	if msg.from == v.story.look {
		i = &v.story
	}
	if msg.from != i.look {
		return nil
	}
	if msg.ended {
		i.close()
		if msg.err != nil && !errors.Is(msg.err, context.Canceled) {
			i.err = msg.err
			// What is still to be read is from before.
			t, words := v.ctx.Theme, " no longer followed: "
			if len(i.lines) == 0 {
				words = " "
			}
			i.pager.Set(append([]string{t.Tone(theme.Bad).Render(t.Icons.Failing + words + widget.Clean(msg.err.Error())), ""}, i.lines...))
		}
		return nil
	}
	lines := strings.Split(strings.TrimRight(widget.Clean(msg.text), "\n"), "\n")
	for at, line := range lines {
		lines[at] = v.ctx.Theme.Text.Render(line)
	}
	i.lines = lines
	i.pager.Set(lines)
	return msg.from.next
}
