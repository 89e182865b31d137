package inspect

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubarium/cluster/nft"
)

// meterLimit is how long adding or removing a meter's table may take.
const meterLimit = 10 * time.Second

// Meter counts packets to a Service on one node, for as long as it is there. kube-proxy's rules
// have no counters: a table of the meter's own, which only counts, looks at the same packets
// before their addresses are changed (at doors) and after (at endpoints).
type Meter struct {
	enter func(func() error) error
	table string
	since time.Time
	// known are the rules that are there, by their comments.
	known map[string]bool
}

// NewMeter makes a meter for the network namespace that enter runs functions in.
func NewMeter(enter func(func() error) error) *Meter {
	return &Meter{enter: enter, table: "kubarium-meter-" + strings.ToLower(rand.Text()[:8]), known: map[string]bool{}}
}

// Count tells how many packets went to each door of a Service, and on to each endpoint, since
// the meter first heard of them.
func (m *Meter) Count(ctx context.Context, s *Service) error {
	var script strings.Builder
	for _, door := range s.Doors {
		m.add(&script, door)
	}
	if script.Len() > 0 {
		text := script.String()
		if m.since.IsZero() {
			text = m.chains() + text
		}
		if _, err := m.nft(ctx, text, "-f", "-"); err != nil {
			return err
		}
		if m.since.IsZero() {
			m.since = time.Now()
		}
	}
	if m.since.IsZero() {
		return nil
	}
	out, err := m.nft(ctx, "", "-j", "list", "table", "ip", m.table)
	if err != nil {
		return err
	}
	counts, err := readMeter(out)
	if err != nil {
		return err
	}
	s.MeteredSince = m.since
	for i := range s.Doors {
		door := &s.Doors[i]
		if match, key := door.filter(); match != "" {
			door.Metered = counts[key]
			door.Chain.meter(counts, key)
		}
	}
	return nil
}

// Close takes the table away.
func (m *Meter) Close(ctx context.Context) error {
	if m.since.IsZero() {
		return nil
	}
	// Whoever asked may be gone; the table must not stay.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), meterLimit)
	defer cancel()
	_, err := m.nft(ctx, "", "delete", "table", "ip", m.table)
	return err
}

// chains look at packets after connections are tracked and before the first translation, and
// after the first and before the last. What goes to the node itself over its loopback comes by
// twice.
func (m *Meter) chains() string {
	chain := func(name, hook, priority, rule string) string {
		return fmt.Sprintf("add chain ip %s %s { type filter hook %s priority %s; policy accept; }\n%s", m.table, name, hook, priority, rule)
	}
	return "add table ip " + m.table + " { comment \"counts packets to a Service while somebody looks\"; }\n" +
		chain("from-pods", "prerouting", "-150", "") + chain("from-node", "output", "-150", "") +
		chain("to-others", "postrouting", "50", "") + chain("to-node", "input", "50", fmt.Sprintf("add rule ip %s to-node iifname lo accept\n", m.table))
}

// words are what a door compares packets with: address, protocol and port, without the address
// if it is any of the node's. There are none if the door compares with anything else: they
// become part of a script.
func (d Door) words() []string {
	compared, _, _ := strings.Cut(d.Match, " (")
	words := strings.Split(strings.TrimSpace(compared), " . ")
	protocol := len(words) - 2
	if protocol < 0 || protocol > 1 || !slices.Contains([]string{"tcp", "udp", "sctp"}, words[protocol]) {
		return nil
	}
	if _, err := strconv.ParseUint(words[protocol+1], 10, 16); err != nil {
		return nil
	}
	if address, err := netip.ParseAddr(words[0]); protocol == 1 && (err != nil || !address.Is4()) {
		return nil
	}
	return words
}

// filter is what a packet to a door is known by, in nft's words, and the door's name.
func (d Door) filter() (match, key string) {
	switch words := d.words(); len(words) {
	case 3:
		return fmt.Sprintf("ip daddr %s meta l4proto %s th dport %s", words[0], words[1], words[2]), strings.Join(words, " ")
	case 2:
		return fmt.Sprintf("fib daddr type local meta l4proto %s th dport %s", words[0], words[1]), strings.Join(words, " ")
	}
	return "", ""
}

// beyond is what a packet that came by a door is known by when its address has been changed.
func (d Door) beyond(endpoint string) string {
	words := d.words()
	address, port, ok := strings.Cut(endpoint, ":")
	if !ok {
		return ""
	}
	match := fmt.Sprintf("ct direction original ip daddr %s meta l4proto %s th dport %s", address, words[len(words)-2], port)
	if len(words) == 3 {
		match += " ct original ip daddr " + words[0]
	}
	return match + " ct original proto-dst " + words[len(words)-1]
}

// add writes the rules of a door that are not there yet.
func (m *Meter) add(script *strings.Builder, door Door) {
	match, key := door.filter()
	if match == "" {
		return
	}
	rule := func(chains []string, match, key string) {
		if match == "" || m.known[key] {
			return
		}
		m.known[key] = true
		for _, chain := range chains {
			fmt.Fprintf(script, "add rule ip %s %s %s counter comment %q\n", m.table, chain, match, key)
		}
	}
	rule([]string{"from-pods", "from-node"}, match, key)
	door.Chain.endpoints(func(e *Endpoint) {
		rule([]string{"to-others", "to-node"}, door.beyond(e.Address), key+" "+e.Address)
	})
}

// endpoints calls f with each endpoint that a chain may lead to.
func (c *Chain) endpoints(f func(*Endpoint)) {
	if c == nil {
		return
	}
	for i := range c.Rules {
		for j := range c.Rules[i].Endpoints {
			f(&c.Rules[i].Endpoints[j])
		}
		for _, next := range c.Rules[i].Chains {
			next.endpoints(f)
		}
	}
}

func (c *Chain) meter(counts map[string]*Counter, key string) {
	c.endpoints(func(e *Endpoint) { e.Metered = counts[key+" "+e.Address] })
}

// readMeter adds up counters by the comments of their rules.
func readMeter(listing []byte) (map[string]*Counter, error) {
	var ruleset struct {
		Objects []struct {
			Rule *struct {
				Comment string `json:"comment"`
				Expr    []struct {
					Counter *Counter `json:"counter"`
				} `json:"expr"`
			} `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(listing, &ruleset); err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	counts := map[string]*Counter{}
	for _, o := range ruleset.Objects {
		if o.Rule == nil || o.Rule.Comment == "" {
			continue
		}
		for _, e := range o.Rule.Expr {
			if e.Counter == nil {
				continue
			}
			if counts[o.Rule.Comment] == nil {
				counts[o.Rule.Comment] = &Counter{}
			}
			counts[o.Rule.Comment].add(*e.Counter)
		}
	}
	return counts, nil
}

// nft runs in the namespace, reading a script.
func (m *Meter) nft(ctx context.Context, script string, args ...string) ([]byte, error) {
	out, err := nft.Run(ctx, m.enter, script, args...)
	if err != nil {
		return nil, fmt.Errorf("count packets: %w", err)
	}
	return out, nil
}
