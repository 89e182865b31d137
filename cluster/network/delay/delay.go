// Package delay sends packets some time later, in a namespace whose kernel can't.
//
// What is to be delayed is routed to a device whose other end is a descriptor; what is
// read there is written back when its time has come, and goes on by the other routes.
package delay

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"kubarium/cluster/network/tun"
)

const (
	// Prefix begins the names of all devices of this package.
	Prefix = "delay-"
	// first is the number of the first device, and its routing table.
	first, last = 200, 231
	// shift and mask are where a packet's mark has the number.
	shift = 20
	mask  = 0xff << shift
	// backlog bounds the packets on their way; others are lost.
	backlog = 8192
	// largest is more than any packet.
	largest = 1 << 16
	// priority is that of the rule that routes by the mark.
	priority = 100
)

// Line delays what is routed through it.
type Line struct {
	number int
	device *os.File
	by     time.Duration
	queue  chan packet
	done   sync.WaitGroup
	lost   atomic.Uint64
}

type packet struct {
	due  time.Time
	data []byte
}

// Open makes a line in the namespace of the calling thread, where nothing is routed
// through it yet but what has its mark. It is there until it is closed.
func Open(by time.Duration, mtu int) (*Line, error) {
	l := &Line{by: by, queue: make(chan packet, backlog)}
	var err error
	for l.number = first; l.number <= last; l.number++ {
		l.device, err = tun.Open(tun.Device, l.name(), tun.Packets)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open line: %w", err)
	}
	if err := l.route(mtu); err != nil {
		return nil, errors.Join(err, l.device.Close())
	}
	l.done.Go(l.read)
	l.done.Go(l.write)
	return l, nil
}

func (l *Line) name() string { return fmt.Sprintf("%s%d", Prefix, l.number) }

// Mark is what makes a packet go through the line, and the bits of the mark that are
// looked at.
func (l *Line) Mark() (value, bits uint32) { return uint32(l.number) << shift, mask }

// Lost counts the packets that were dropped as too many were on their way.
func (l *Line) Lost() uint64 { return l.lost.Load() }

// route lets packets with the mark go through the device, and come back from it.
func (l *Line) route(mtu int) error {
	// What comes back may be from this machine itself.
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+l.name()+"/accept_local", []byte("1"), 0); err != nil {
		return fmt.Errorf("set up %s: %w", l.name(), err)
	}
	link, err := netlink.LinkByName(l.name())
	if err == nil {
		err = errors.Join(netlink.LinkSetMTU(link, mtu), netlink.LinkSetUp(link))
	}
	if err != nil {
		return fmt.Errorf("set up %s: %w", l.name(), err)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Table: l.number, Scope: netlink.SCOPE_LINK, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("route through %s: %w", l.name(), err)
	}
	if err := netlink.RuleAdd(l.rule()); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("route through %s: %w", l.name(), err)
	}
	return nil
}

func (l *Line) rule() *netlink.Rule {
	value, bits := l.Mark()
	rule := netlink.NewRule()
	rule.Priority, rule.Table, rule.Mark, rule.Mask = priority, l.number, value, &bits
	return rule
}

// Unroute is to be called in the line's namespace before it is closed: nothing goes
// through it any more.
func (l *Line) Unroute() error {
	if err := netlink.RuleDel(l.rule()); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("take the route through %s away: %w", l.name(), err)
	}
	return nil
}

// Close waits until what is on its way has gone, and takes the device away.
func (l *Line) Close() error {
	// Reading ends, and writing after the last packet.
	err := l.device.SetReadDeadline(time.Now())
	l.done.Wait()
	return errors.Join(err, l.device.Close())
}

func (l *Line) read() {
	defer close(l.queue)
	buffer := make([]byte, largest)
	for {
		n, err := l.device.Read(buffer)
		if err != nil {
			return
		}
		select {
		case l.queue <- packet{time.Now().Add(l.by), append([]byte(nil), buffer[:n]...)}:
		default:
			l.lost.Add(1)
		}
	}
}

// write keeps the order: all packets take as long.
func (l *Line) write() {
	for p := range l.queue {
		if wait := time.Until(p.due); wait > 0 {
			time.Sleep(wait)
		}
		// The kernel may refuse one, as it may drop one.
		_, _ = l.device.Write(p.data)
	}
}
