package pane

import (
	"fmt"

	"kubarium/ui/watch"
)

// Choosing is a pane, or a screen, in which an object is selected, or which shows one.
type Choosing interface {
	Picked() (watch.Ref, bool)
}

var _, _, _ Choosing = (*Pods)(nil), (*Services)(nil), (*Tanks)(nil)

// Named is a pane, or a screen, whose selection can be copied.
type Named interface {
	// Named is the name of what is selected; "" if nothing is.
	Named() string
}

var _, _, _, _, _ Named = (*Pods)(nil), (*Services)(nil), (*EventList)(nil), (*Tanks)(nil), (*Components)(nil)

// Named implements Named.
func (l *list) Named() string {
	r, _ := l.ref()
	return r.Name
}

// Named is what the event says: its name says nothing.
func (p *EventList) Named() string {
	if p.cur.Cursor >= len(p.items) {
		return ""
	}
	e := p.items[p.cur.Cursor]
	return fmt.Sprintf("%s %s/%s: %s", e.Reason, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Message)
}

// Named implements Named.
func (p *Tanks) Named() string {
	r, _ := p.Selected()
	return r.Name
}

// Named implements Named.
func (p *Components) Named() string {
	i, _ := p.Selected()
	return i.Name
}

// Picked implements Choosing.
func (l *list) Picked() (watch.Ref, bool) { return l.ref() }

// Picked implements Choosing.
func (p *Tanks) Picked() (watch.Ref, bool) { return p.Selected() }
