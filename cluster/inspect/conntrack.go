package inspect

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"github.com/xlab/treeprint"
	"golang.org/x/sys/unix"
)

// Connection is one that a kernel tracks, with the addresses before and after translation.
type Connection struct {
	Protocol string `json:"protocol"`
	// From and To are what the client sent, ReplyFrom and ReplyTo what the answer has.
	From      netip.AddrPort `json:"from"`
	To        netip.AddrPort `json:"to"`
	ReplyFrom netip.AddrPort `json:"replyFrom"`
	ReplyTo   netip.AddrPort `json:"replyTo"`
	There     Counter        `json:"there"`
	Back      Counter        `json:"back"`
}

// Connections lists what the kernel tracks in the network namespace of that path; what has no
// ports is left out.
func Connections(namespace string) (list []Connection, err error) {
	ns, err := netns.GetFromPath(namespace)
	if err != nil {
		return nil, fmt.Errorf("find network namespace: %w", err)
	}
	defer func() { err = errors.Join(err, ns.Close()) }()
	kernel, err := netlink.NewHandleAt(ns, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for connections: %w", err)
	}
	defer kernel.Close()
	flows, err := kernel.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	// A list that changes while it is read is that of no single moment, and good enough.
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list tracked connections: %w", err)
	}
	for _, flow := range flows {
		names := map[uint8]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_SCTP: "sctp"}
		protocol, ok := names[flow.Forward.Protocol]
		if !ok {
			continue
		}
		there, back := flow.Forward, flow.Reverse
		list = append(list, Connection{
			Protocol: protocol,
			From:     address(there.SrcIP, there.SrcPort), To: address(there.DstIP, there.DstPort),
			ReplyFrom: address(back.SrcIP, back.SrcPort), ReplyTo: address(back.DstIP, back.DstPort),
			There: Counter{Packets: there.Packets, Bytes: there.Bytes}, Back: Counter{Packets: back.Packets, Bytes: back.Bytes},
		})
	}
	return list, nil
}

func address(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// Count adds to each endpoint of a Service the connections through one of its doors.
func (s *Service) Count(connections []Connection) {
	for _, door := range s.Doors {
		matches := door.connections(connections)
		door.Chain.count(matches)
	}
}

// connections are those that came through the door: by address, protocol and port, or by
// protocol and port of a node.
func (d Door) connections(all []Connection) []Connection {
	words := d.words()
	var list []Connection
	for _, c := range all {
		switch {
		case len(words) == 3 && words[0] == c.To.Addr().String() && words[1] == c.Protocol && words[2] == fmt.Sprint(c.To.Port()),
			len(words) == 2 && words[0] == c.Protocol && words[1] == fmt.Sprint(c.To.Port()) && c.To != c.ReplyFrom:
			list = append(list, c)
		}
	}
	return list
}

func (c *Chain) count(connections []Connection) {
	if c == nil {
		return
	}
	for i := range c.Rules {
		for j := range c.Rules[i].Endpoints {
			e := &c.Rules[i].Endpoints[j]
			for _, connection := range connections {
				if connection.ReplyFrom.String() != e.Address {
					continue
				}
				e.Connections++
				e.There.add(connection.There)
				e.Back.add(connection.Back)
			}
		}
		for _, next := range c.Rules[i].Chains {
			next.count(connections)
		}
	}
}

func (c *Counter) add(other Counter) {
	c.Packets += other.Packets
	c.Bytes += other.Bytes
}

// WriteText writes the rules as a tree, from the map to the destination.
func (s Service) WriteText(w io.Writer) error {
	p := &page{out: w}
	p.line("service %s/%s on %s", s.Namespace, s.Name, s.Node)
	if len(s.Doors) == 0 {
		p.line("no rule of kube-proxy's on this node concerns it: it has no cluster IP, or kube-proxy does not know it")
	}
	if s.MeteredSince.IsZero() {
		p.line("kube-proxy's rules have no counters; connections are those that the kernel tracks now")
	} else {
		p.line("packets are counted since %s, in a table beside kube-proxy's; connections are those that the kernel tracks now", s.MeteredSince.Local().Format("15:04:05"))
	}
	for _, door := range s.Doors {
		root := fmt.Sprintf("@%s  %s : %s", door.Map, door.Match, door.Verdict)
		if door.Metered != nil {
			root += fmt.Sprintf("  [%d packets, %d bytes to it]", door.Metered.Packets, door.Metered.Bytes)
		}
		tree := treeprint.NewWithRoot(root)
		s.addChain(tree, door.Chain)
		p.line("")
		// The library draws with spaces that do not break, which are hard to search for.
		for line := range strings.Lines(strings.ReplaceAll(tree.String(), "\u00a0", " ")) {
			p.line("%s", strings.TrimSuffix(line, "\n"))
		}
	}
	return p.err
}

func (s Service) addChain(tree treeprint.Tree, c *Chain) {
	if c == nil {
		return
	}
	branch := tree.AddBranch("chain " + c.Name)
	for _, rule := range c.Rules {
		of := branch.AddBranch(fmt.Sprintf("%s  [handle %d]", rule.Text, rule.Handle))
		for _, e := range rule.Endpoints {
			text := fmt.Sprintf("%s  %d connections", e.Address, e.Connections)
			if s.Accounting {
				text += fmt.Sprintf(", %d packets there, %d back", e.There.Packets, e.Back.Packets)
			}
			if e.Metered != nil {
				text += fmt.Sprintf("  [%d packets, %d bytes sent on to it]", e.Metered.Packets, e.Metered.Bytes)
			}
			of.AddNode(text)
		}
		for _, next := range rule.Chains {
			s.addChain(of, next)
		}
	}
	if len(c.Rules) == 0 {
		branch.AddNode("(its rules are above, or there are none)")
	}
}
