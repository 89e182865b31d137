package detail

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

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

// inside is the tab with what is behind an object.
type inside struct {
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

// insideMsg brings the newest text, or the end.
type insideMsg struct {
	from  *look
	text  string
	err   error
	ended bool
}

func (i *inside) close() {
	if i.look != nil {
		i.look.cancel()
		i.look = nil
	}
}

// openInside begins to look.
func (v *View) openInside() tea.Cmd {
	looker, ok := v.backend.(Looker)
	if !ok || v.inside.look != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &look{cancel: cancel, text: make(chan string, 1), err: make(chan error, 1)}
	v.inside.look, v.inside.err, v.inside.lines = l, nil, nil
	ref := v.ref
	return func() tea.Msg {
		go func() {
			l.err <- looker.Inside(ctx, ref, func(text string) {
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
		return insideMsg{from: l, text: text}
	case err := <-l.err:
		select {
		case text := <-l.text:
			// The last one counts, too; the end comes next.
			l.err <- err
			return insideMsg{from: l, text: text}
		default:
		}
		return insideMsg{from: l, err: err, ended: true}
	}
}

func (v *View) gotInside(msg insideMsg) tea.Cmd {
	i := &v.inside
	if msg.from != i.look {
		return nil
	}
	if msg.ended {
		i.close()
		if msg.err != nil && !errors.Is(msg.err, context.Canceled) {
			i.err = msg.err
			// What is still to be read is from before.
			t := v.ctx.Theme
			i.pager.Set(append([]string{t.Tone(theme.Bad).Render(t.Icons.Failing + " no longer followed: " + widget.Clean(msg.err.Error())), ""}, i.lines...))
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
