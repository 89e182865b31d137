// Package path finds the way of a packet by sending one: the kernel tells where it was seen,
// which rules it met, and how its addresses were changed.
package path

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"kubarium/cluster/inspect"
)

const (
	// patience is how long the packet may take to be answered.
	patience = 3 * time.Second
	// settle is how long what the kernel saw may take to be read.
	settle = 150 * time.Millisecond
)

// Place is a network namespace in which to look.
type Place struct {
	// Name is for people: "pod shop/web", "node-1", "the cluster's network".
	Name string
	// Enter runs a function in the namespace.
	Enter func(func() error) error
	// Rules is whether packet rules are looked at here.
	Rules bool
}

// Question is which packet to send. The first place is where from: if its rules are looked at
// it is a machine, and the packet meets them before it leaves.
type Question struct {
	From, To string
	Target   netip.AddrPort
	Places   []Place
	// Datagram is what a UDP packet carries; without it, a TCP connection is opened.
	Datagram []byte
	// Progress is told what is done now; it may be nil.
	Progress func(string)
}

func (q Question) tell(format string, args ...any) {
	if q.Progress != nil {
		q.Progress(fmt.Sprintf(format, args...))
	}
}

// Try opens a TCP connection or sends a datagram, and tells what was seen of the first packet
// and of the answer.
func Try(ctx context.Context, q Question) (inspect.Path, error) {
	result := inspect.Path{From: q.From, To: q.To, Target: q.Target.String(), Protocol: "tcp"}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if q.Datagram != nil {
		result.Protocol = "udp"
	}
	w := &watch{udp: q.Datagram != nil}
	for _, place := range q.Places {
		q.tell("Listen at %s", place.Name)
		if err := w.add(ctx, place); err != nil {
			return result, errors.Join(fmt.Errorf("look at %s: %w", place.Name, err), w.end())
		}
	}
	q.tell("Send the packet to %s, and wait for the answer", q.Target)
	began := time.Now()
	source, dialed, err := dial(ctx, q)
	result.Took = time.Since(began)
	if err != nil {
		return result, errors.Join(err, w.end())
	}
	result.Source, result.Connected = source.String(), dialed == nil
	if dialed != nil {
		result.Error = dialed.Error()
	}
	q.tell("Put together what was seen")
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	if err := errors.Join(w.end(), ctx.Err()); err != nil {
		return result, err
	}
	w.tell(&result, source, q)
	return result, nil
}

// watch is what is looked at in all places.
type watch struct {
	// udp is which packets are looked at; else those of TCP.
	udp     bool
	mu      sync.Mutex
	sights  []sight
	met     []met
	closers []func() error
	running sync.WaitGroup
	texts   map[string]map[ruleKey]string
}

// sight is a packet that was seen at an interface.
type sight struct {
	place, link string
	outgoing    bool
	at          time.Time
	packet      packet
}

func (w *watch) add(ctx context.Context, place Place) error {
	if err := w.capture(ctx, place); err != nil {
		return err
	}
	if place.Rules {
		return w.traceRules(ctx, place)
	}
	return nil
}

// end closes what was opened, and waits for those who read of it.
func (w *watch) end() error {
	var errs []error
	for _, f := range slices.Backward(w.closers) {
		errs = append(errs, f())
	}
	w.closers = nil
	w.running.Wait()
	return errors.Join(errs...)
}

// linksHere names the interfaces of the thread's network namespace.
func linksHere() (map[int]string, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := map[int]string{}
	for _, link := range list {
		names[link.Index] = link.Name
	}
	return names, nil
}
