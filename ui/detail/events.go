package detail

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// events is the events tab. The snapshot has the newest events of the whole cluster only, so the
// API server is asked for all about the object.
type events struct {
	pager  widget.Pager
	listed []*corev1.Event
	// known says that the API server has answered.
	busy, known bool
	err         error
}

// eventsMsg brings the events about an object.
type eventsMsg struct {
	view *View
	list []*corev1.Event
	err  error
}

// listEvents asks for the events about the object; those that come later are in the snapshot.
func (v *View) listEvents() tea.Cmd {
	if v.events.busy {
		return nil
	}
	v.events.busy = true
	ref := v.ref
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
		defer cancel()
		list, err := v.backend.Events(ctx, ref)
		return eventsMsg{view: v, list: list, err: err}
	}
}

func (v *View) gotEvents(msg eventsMsg) {
	e := &v.events
	e.busy, e.known, e.err = false, true, msg.err
	if msg.err == nil {
		e.listed = msg.list
	}
}

// eventsBody tells the events as a whole: on a narrow screen the message has lines of its
// own.
func (v *View) eventsBody(w, h int) string {
	t, e := v.ctx.Theme, &v.events
	list := watch.JoinEvents(v.ctx.Snapshot.EventsOf(v.ref), e.listed)
	var lines []string
	note := func(tone theme.Tone, text string) {
		for _, l := range widget.Lines(widget.Clean(text), w) {
			lines = append(lines, t.Tone(tone).Render(l))
		}
	}
	switch {
	case e.err != nil:
		why := v.ctx.OrRefused("Event", v.ref.Namespace, e.err.Error())
		if len(list) > 0 {
			why = "There may be more events: " + why
		}
		note(theme.Bad, t.Icons.Failing+" "+why)
	case len(list) > 0:
	case !e.known:
		note(theme.Muted, "asking the API server"+t.Icons.Ellipsis)
	default:
		note(theme.Muted, "No events: the API server has none about it. It keeps them for an hour, unless it was told otherwise.")
	}
	for _, event := range list {
		lines = append(lines, v.eventLines(event, w)...)
	}
	e.pager.Set(lines)
	return e.pager.View(t.Icons.Ellipsis)
}

// Widths of what tells an event; below eventMessage cells its message has its own lines.
const (
	eventAge, eventKind, eventReason = 5, 9, 20
	eventMessage                     = 60
)

// eventLines is an event in lines of w cells.
func (v *View) eventLines(e *corev1.Event, w int) []string {
	cells := pane.EventRow(v.ctx, e)
	age, kind, reason, message := cells[0], cells[1], cells[2], cells[4]
	head := age.Style.Render(widget.FitRight(age.Text, eventAge, "")) + "  " + kind.Style.Render(widget.Fit(kind.Text, eventKind, "")) + "  "
	room, under := w-eventAge-eventKind-eventReason-6, eventAge+eventKind+eventReason+6
	var lines []string
	if room < eventMessage {
		lines = append(lines, head+reason.Style.Render(reason.Text))
		room, under = w-eventAge-2, eventAge+2
		head = ""
	} else {
		head += reason.Style.Render(widget.Fit(reason.Text, eventReason, v.ctx.Theme.Icons.Ellipsis)) + "  "
	}
	for i, l := range widget.Lines(message.Text, max(1, room)) {
		if i > 0 || head == "" {
			head = strings.Repeat(" ", under)
		}
		lines = append(lines, head+message.Style.Render(l))
	}
	return lines
}
