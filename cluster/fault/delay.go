package fault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"sigs.k8s.io/knftables"

	"kubarium/cluster/network/delay"
)

// longestDelay of a packet, in milliseconds.
const longestDelay = 10_000

// delayPackets has what two ends send each other go through a line that takes time: on
// the node of each what it sends to the other.
func delayPackets(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	ms, err := strconv.Atoi(o.Params["ms"])
	if err != nil || ms < 1 || ms > longestDelay {
		return nil, fmt.Errorf("ms %q: write a number from 1 to %d", o.Params["ms"], longestDelay)
	}
	a, b, err := findEnds(ctx, w, o.Target)
	if err != nil {
		return nil, err
	}
	ways := [][2]end{{a, b}, {b, a}}
	if a.node == b.node {
		ways = ways[:1]
	}
	var lines []*line
	heal := func(ctx context.Context) error {
		var errs []error
		for _, l := range lines {
			errs = append(errs, ifOn(l.rules.machine, l.heal)(ctx))
		}
		return errors.Join(errs...)
	}
	for _, way := range ways {
		l, err := openLine(ctx, w, o, way[0], way[1], time.Duration(ms)*time.Millisecond)
		if err != nil {
			return heal, err
		}
		lines = append(lines, l)
	}
	return heal, nil
}

// line delays what one node sends.
type line struct {
	*delay.Line
	rules packetRules
	close func() error
}

func openLine(ctx context.Context, w World, o Order, from, to end, by time.Duration) (*line, error) {
	machine, err := w.Machine(from.node)
	if err != nil {
		return nil, err
	}
	l := &line{rules: packetRules{machine: machine, node: from.node, order: o}}
	err = machine.InNetwork(func() error {
		link, err := netlink.LinkByName(uplink)
		if err != nil {
			return fmt.Errorf("find %s: %w", uplink, err)
		}
		l.Line, err = delay.Open(by, link.Attrs().MTU)
		return err
	})
	if err != nil {
		return nil, err
	}
	closed := make(chan struct{})
	l.close = sync.OnceValue(func() error {
		close(closed)
		return l.Line.Close()
	})
	// A descriptor would keep the network of a node that is off.
	go func() {
		select {
		case <-machine.Done():
			_ = l.close()
		case <-closed:
		}
	}()
	if err := l.rules.change(ctx, func(tx *knftables.Transaction) { addMarks(tx, from, to, l.Line) }); err != nil {
		return nil, errors.Join(err, l.heal(context.WithoutCancel(ctx)))
	}
	return l, nil
}

// heal ends the detour first: what is on its way still arrives.
func (l *line) heal(ctx context.Context) error {
	return errors.Join(l.rules.remove(ctx), l.rules.machine.InNetwork(l.Unroute), l.close())
}

// addMarks sends packets through a line: those that pass the node, and its own. They are
// looked at once they have been translated. When they come back from the line they are
// not tracked: their connection is another for the kernel, with translated addresses.
func addMarks(tx *knftables.Transaction, from, to end, l *delay.Line) {
	for _, chain := range []knftables.Chain{
		{Name: "back", Type: knftables.PtrTo(knftables.FilterType), Hook: knftables.PtrTo(knftables.PreroutingHook), Priority: knftables.PtrTo(knftables.RawPriority)},
		{Name: "passes", Type: knftables.PtrTo(knftables.FilterType), Hook: knftables.PtrTo(knftables.PreroutingHook), Priority: knftables.PtrTo(knftables.DNATPriority + "+5")},
		{Name: "own", Type: knftables.PtrTo(knftables.RouteType), Hook: knftables.PtrTo(knftables.OutputHook), Priority: knftables.PtrTo(knftables.DNATPriority + "+5")},
	} {
		tx.Add(&chain)
	}
	tx.Add(&knftables.Rule{Chain: "back", Rule: "iifname " + delay.Prefix + "* notrack"})
	value, bits := l.Mark()
	mark := fmt.Sprintf("meta mark set meta mark & %#x | %#x", ^bits, value)
	add := func(a, b end) {
		tx.Add(&knftables.Rule{Chain: "passes", Rule: knftables.Concat("iifname != "+delay.Prefix+"*", match("saddr", a), match("daddr", b), mark)})
		tx.Add(&knftables.Rule{Chain: "own", Rule: knftables.Concat(match("saddr", a), match("daddr", b), mark)})
	}
	add(from, to)
	if from.node == to.node {
		add(to, from)
	}
}
