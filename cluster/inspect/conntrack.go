package inspect

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Connection is one that a kernel tracks, with the addresses before and after translation.
type Connection struct {
	Protocol string `json:"protocol"`
	State    string `json:"state,omitempty"`
	// From and To are what the client sent, ReplyFrom and ReplyTo what the answer has.
	From      netip.AddrPort `json:"from"`
	To        netip.AddrPort `json:"to"`
	ReplyFrom netip.AddrPort `json:"replyFrom"`
	ReplyTo   netip.AddrPort `json:"replyTo"`
	There     Counter        `json:"there"`
	Back      Counter        `json:"back"`
}

// ReadConnections reads what a kernel tracks, in the form of /proc/net/nf_conntrack; what has
// no ports is left out.
func ReadConnections(from io.Reader) ([]Connection, error) {
	var list []Connection
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if c, ok := parseConnection(lines.Text()); ok {
			list = append(list, c)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read tracked connections: %w", err)
	}
	return list, nil
}

func parseConnection(line string) (Connection, bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[0] != "ipv4" {
		return Connection{}, false
	}
	c := Connection{Protocol: fields[2]}
	// The keys come twice: for the way there and the way back.
	var values [2]map[string]string
	way := -1
	for _, field := range fields[5:] {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			if strings.ToUpper(field) == field && !strings.HasPrefix(field, "[") && way < 0 {
				c.State = field
			}
			continue
		}
		if key == "src" {
			way++
			if way > 1 {
				return Connection{}, false
			}
			values[way] = map[string]string{}
		}
		if way >= 0 {
			values[way][key] = value
		}
	}
	if way != 1 || values[0]["sport"] == "" {
		return Connection{}, false
	}
	c.From, c.To = address(values[0], "s"), address(values[0], "d")
	c.ReplyFrom, c.ReplyTo = address(values[1], "s"), address(values[1], "d")
	c.There = Counter{Packets: number(values[0]["packets"]), Bytes: number(values[0]["bytes"])}
	c.Back = Counter{Packets: number(values[1]["packets"]), Bytes: number(values[1]["bytes"])}
	return c, true
}

func address(values map[string]string, end string) netip.AddrPort {
	ip, err := netip.ParseAddr(values[map[string]string{"s": "src", "d": "dst"}[end]])
	if err != nil {
		return netip.AddrPort{}
	}
	port, err := strconv.ParseUint(values[end+"port"], 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, uint16(port))
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
	words := strings.Split(strings.TrimSpace(strings.Split(d.Match, " (")[0]), " . ")
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
	for _, door := range s.Doors {
		p.title("@%s  %s : %s", door.Map, door.Match, door.Verdict)
		if door.Chain != nil {
			s.writeChain(p, door.Chain, "")
		}
	}
	return p.err
}

func (s Service) writeChain(p *page, c *Chain, indent string) {
	p.line("%s└─ chain %s", indent, c.Name)
	indent += "   "
	for _, rule := range c.Rules {
		p.line("%s├─ %s  [handle %d]", indent, rule.Text, rule.Handle)
		for _, e := range rule.Endpoints {
			text := fmt.Sprintf("%s│  └─ %s  %d connections", indent, e.Address, e.Connections)
			if s.Accounting {
				text += fmt.Sprintf(", %d packets there, %d back", e.There.Packets, e.Back.Packets)
			}
			p.line("%s", text)
		}
		for _, next := range rule.Chains {
			s.writeChain(p, next, indent+"│  ")
		}
	}
	if len(c.Rules) == 0 {
		p.line("%s(its rules are above, or there are none)", indent)
	}
}
