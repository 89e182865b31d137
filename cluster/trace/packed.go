package trace

import (
	"encoding/binary"
	"strings"
	"time"
)

// Field is one of an event's fields.
type Field struct{ Key, Value string }

// packed is an event in one piece of memory that points to nothing: each collection of
// garbage follows all pointers of what is kept, and thousands of events have many. What is
// unpacked shares its memory.
type packed string

// pack packs all of an event but its number, with more fields than it has itself.
func pack(e Event, more []Field) packed {
	texts := e.texts()
	n := 4 * binary.MaxVarintLen64
	for _, text := range texts {
		n += len(*text) + 2
	}
	for key, value := range e.Fields {
		n += len(key) + len(value) + 4
	}
	for _, field := range more {
		n += len(field.Key) + len(field.Value) + 4
	}
	var p packer
	p.Grow(n)
	p.number(uint64(e.Time.Unix()))
	p.number(uint64(e.Time.Nanosecond()))
	for _, text := range texts {
		p.text(*text)
	}
	p.number(uint64(len(e.Fields) + len(more)))
	for key, value := range e.Fields {
		p.text(key)
		p.text(value)
	}
	for _, field := range more {
		p.text(field.Key)
		p.text(field.Value)
	}
	return packed(p.String())
}

// unpack returns the event with its number; its fields only if they are wanted.
func (p packed) unpack(seq uint64, fields bool) Event {
	u := unpacker{string(p)}
	e := Event{Seq: seq, Time: time.Unix(int64(u.number()), int64(u.number()))}
	for _, text := range e.texts() {
		*text = u.text()
	}
	n := u.number()
	if !fields || n == 0 {
		return e
	}
	e.Fields = make(map[string]string, n)
	for range n {
		key := u.text()
		e.Fields[key] = u.text()
	}
	return e
}

// texts are the words of an event that are no fields, in the order in which they are packed.
func (e *Event) texts() [13]*string {
	o := &e.Object
	return [...]*string{
		&e.Component, &e.Verb, &o.Group, &o.Version, &o.Kind, &o.Resource, &o.Subresource,
		&o.Namespace, &o.Name, &o.UID, &e.Actor, &e.Agent, &e.Detail,
	}
}

type packer struct{ strings.Builder }

func (p *packer) number(n uint64) {
	var bytes [binary.MaxVarintLen64]byte
	p.Write(bytes[:binary.PutUvarint(bytes[:], n)])
}

func (p *packer) text(s string) {
	p.number(uint64(len(s)))
	p.WriteString(s)
}

// unpacker reads what a packer wrote, and nothing else.
type unpacker struct{ rest string }

func (u *unpacker) number() uint64 {
	var n uint64
	for i := 0; ; i++ {
		c := u.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			u.rest = u.rest[i+1:]
			return n
		}
	}
}

func (u *unpacker) text() string {
	n := u.number()
	s := u.rest[:n]
	u.rest = u.rest[n:]
	return s
}
