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

	"golang.org/x/sys/unix"

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

// Question is which packet to send. The first place is where from.
type Question struct {
	From, To string
	Target   netip.AddrPort
	Places   []Place
}

// Try opens a TCP connection, and tells what was seen of its first packet and of the answer.
func Try(ctx context.Context, q Question) (inspect.Path, error) {
	result := inspect.Path{From: q.From, To: q.To, Target: q.Target.String()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watch{}
	for _, place := range q.Places {
		if err := w.add(ctx, place); err != nil {
			return result, errors.Join(fmt.Errorf("look at %s: %w", place.Name, err), w.end())
		}
	}
	began := time.Now()
	source, dialed, err := dial(ctx, q.Places[0], q.Target)
	result.Took = time.Since(began)
	if err != nil {
		return result, errors.Join(err, w.end())
	}
	result.Source, result.Connected = source.String(), dialed == nil
	if dialed != nil {
		result.Error = dialed.Error()
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	if err := w.end(); err != nil {
		return result, err
	}
	w.tell(&result, source, q)
	return result, nil
}

// dial connects from a place, and returns the address from which it did; dialed is why it
// could not.
func dial(ctx context.Context, from Place, target netip.AddrPort) (source netip.AddrPort, dialed, err error) {
	var socket int
	err = from.Enter(func() error {
		var err error
		if socket, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return fmt.Errorf("make socket: %w", err)
		}
		return nil
	})
	if err != nil {
		return source, nil, err
	}
	// The port is taken before the first packet, so that the packet is known by it.
	defer unix.Close(socket)
	if err := unix.Bind(socket, &unix.SockaddrInet4{}); err != nil {
		return source, nil, fmt.Errorf("take a port: %w", err)
	}
	limit := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return source, nil, fmt.Errorf("limit the time: %w", err)
	}
	// What waits is one thread, for as long as the limit.
	dialed = unix.Connect(socket, &unix.SockaddrInet4{Addr: target.Addr().As4(), Port: int(target.Port())})
	if errors.Is(dialed, unix.EINPROGRESS) || errors.Is(dialed, unix.EAGAIN) {
		dialed = fmt.Errorf("no answer within %s", patience)
	}
	local, err := unix.Getsockname(socket)
	if err != nil {
		return source, nil, fmt.Errorf("find own port: %w", err)
	}
	if inet, ok := local.(*unix.SockaddrInet4); ok {
		source = netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), uint16(inet.Port))
	}
	return source, dialed, ctx.Err()
}

// watch is what is looked at in all places.
type watch struct {
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

// tell puts together what was seen of the connection from a source.
func (w *watch) tell(result *inspect.Path, source netip.AddrPort, q Question) {
	slices.SortStableFunc(w.sights, func(a, b sight) int { return a.at.Compare(b.at) })
	first := slices.IndexFunc(w.sights, func(s sight) bool {
		return s.place == q.Places[0].Name && s.packet.syn && !s.packet.ack &&
			s.packet.from.Port() == source.Port() && s.packet.to == q.Target
	})
	if first < 0 {
		result.Unseen = append(result.Unseen, "the packet was not seen to leave "+q.Places[0].Name)
		return
	}
	// After a failure, the socket does not know its address any more.
	result.Source = w.sights[first].packet.from.String()
	// Translation of addresses leaves the sequence number alone: it is the packet's name.
	number, began := w.sights[first].packet.sequence, w.sights[first].at
	result.There = w.hops(began, func(p packet) bool { return p.syn && !p.ack && p.sequence == number })
	result.Back = w.hops(began, func(p packet) bool { return p.ack && p.acknowledged == number+1 && (p.syn || p.reset) })
	if len(result.Back) == 0 {
		result.Unseen = append(result.Unseen, "no answer was seen anywhere")
	}
}

// hops are the sights of a packet in order, with the rules that it met in between.
func (w *watch) hops(began time.Time, is func(packet) bool) []inspect.Hop {
	var hops []inspect.Hop
	for _, s := range w.sights {
		if !is(s.packet) {
			continue
		}
		hop := inspect.Hop{
			Where: s.place, Link: s.link, Out: s.outgoing, After: s.at.Sub(began),
			From: s.packet.from.String(), To: s.packet.to.String(),
		}
		if n := len(hops); n > 0 {
			before := hops[n-1]
			// A packet that is sent again is the same one.
			if slices.ContainsFunc(hops, func(h inspect.Hop) bool { return h.Where == hop.Where && h.Link == hop.Link && h.Out == hop.Out }) {
				continue
			}
			if before.From != hop.From {
				hop.Changes = append(hop.Changes, "source "+before.From+" became "+hop.From)
			}
			if before.To != hop.To {
				hop.Changes = append(hop.Changes, "destination "+before.To+" became "+hop.To)
			}
		}
		if !hop.Out {
			hop.Rules = w.rulesOf(s.place, is)
		}
		hops = append(hops, hop)
	}
	return hops
}
