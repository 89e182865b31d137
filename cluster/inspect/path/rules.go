package path

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"kubarium/cluster/inspect"
	"kubarium/cluster/nft"
)

// tableLimit is how long adding or removing our table may take.
const tableLimit = 10 * time.Second

// met is a rule, or the end of a chain, that a packet met.
type met struct {
	place        string
	trace        uint32
	table, chain string
	handle       uint64
	verdict      string
	packet       packet
	hasPacket    bool
	policy       bool
}

type ruleKey struct {
	table, chain string
	handle       uint64
}

// traceRules has the kernel tell which rules packets meet that begin or answer a connection:
// by a table of ours, for as long as the watch.
func (w *watch) traceRules(ctx context.Context, place Place) error {
	table := "kubarium-path-" + strings.ToLower(rand.Text()[:8])
	if _, err := nft.Run(ctx, place.Enter, script(table, w.udp), "-f", "-"); err != nil {
		return err
	}
	w.closers = append(w.closers, func() error {
		// Whoever asked may be gone; the table must not stay.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tableLimit)
		defer cancel()
		_, err := nft.Run(ctx, place.Enter, "", "delete", "table", "ip", table)
		return err
	})
	if err := w.listRules(ctx, place); err != nil {
		return err
	}
	var c *netlink.Conn
	err := place.Enter(func() (err error) {
		c, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("follow rules: %w", err)
	}
	w.closers = append(w.closers, c.Close)
	if err := c.JoinGroup(unix.NFNLGRP_NFTRACE); err != nil {
		return fmt.Errorf("follow rules: %w", err)
	}
	w.running.Go(func() {
		for {
			messages, err := c.Receive()
			if err != nil {
				return
			}
			for _, m := range messages {
				if one, ok := readTrace(m); ok && one.table != table {
					one.place = place.Name
					w.mu.Lock()
					w.met = append(w.met, one)
					w.mu.Unlock()
				}
			}
		}
	})
	return nil
}

// script marks packets before all other rules see them.
func script(table string, udp bool) string {
	which := "tcp flags & (syn | rst) != 0"
	if udp {
		which = "meta l4proto udp"
	}
	return "table ip " + table + ` {
	comment "marks packets whose way is looked at"
	chain prerouting {
		type filter hook prerouting priority -400; policy accept;
		` + which + ` meta nftrace set 1
	}
	chain output {
		type filter hook output priority -400; policy accept;
		` + which + ` meta nftrace set 1
	}
}
`
}

// listRules remembers the words of all rules of a place, by their handles.
func (w *watch) listRules(ctx context.Context, place Place) error {
	listing, err := nft.Run(ctx, place.Enter, "", "-a", "list", "ruleset")
	if err != nil {
		return err
	}
	texts, table, chain := map[ruleKey]string{}, "", ""
	rule := regexp.MustCompile(`^(.*) # handle (\d+)$`)
	for _, line := range strings.Split(string(listing), "\n") {
		line = strings.TrimSpace(line)
		fields := strings.Fields(line)
		switch {
		case len(fields) > 3 && fields[0] == "table" && fields[3] == "{":
			table, chain = fields[2], ""
		case len(fields) > 2 && fields[0] == "chain" && fields[2] == "{":
			chain = fields[1]
		case len(fields) > 2 && fields[2] == "{", line == "}":
			chain = ""
		case chain != "":
			if match := rule.FindStringSubmatch(line); match != nil {
				handle, err := strconv.ParseUint(match[2], 10, 64)
				if err == nil {
					texts[ruleKey{table, chain, handle}] = match[1]
				}
			}
		}
	}
	if w.texts == nil {
		w.texts = map[string]map[ruleKey]string{}
	}
	w.texts[place.Name] = texts
	return nil
}

// readTrace reads one message of the kernel's.
func readTrace(m netlink.Message) (met, bool) {
	if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_TRACE || len(m.Data) < 4 {
		return met{}, false
	}
	var one met
	var ip, tcp []byte
	kind := uint32(0)
	decoder, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return met{}, false
	}
	decoder.ByteOrder = binary.BigEndian
	for decoder.Next() {
		switch decoder.Type() {
		case unix.NFTA_TRACE_ID:
			one.trace = decoder.Uint32()
		case unix.NFTA_TRACE_TABLE:
			one.table = decoder.String()
		case unix.NFTA_TRACE_CHAIN:
			one.chain = decoder.String()
		case unix.NFTA_TRACE_RULE_HANDLE:
			one.handle = decoder.Uint64()
		case unix.NFTA_TRACE_TYPE:
			kind = decoder.Uint32()
		case unix.NFTA_TRACE_VERDICT:
			one.verdict = verdict(decoder.Bytes())
		case unix.NFTA_TRACE_POLICY:
			one.verdict = verdictName(int32(decoder.Uint32()))
		case unix.NFTA_TRACE_NETWORK_HEADER:
			ip = decoder.Bytes()
		case unix.NFTA_TRACE_TRANSPORT_HEADER:
			tcp = decoder.Bytes()
		}
	}
	if decoder.Err() != nil {
		return met{}, false
	}
	one.policy = kind == unix.NFT_TRACETYPE_POLICY
	one.packet, one.hasPacket = parseBoth(ip, tcp)
	return one, kind == unix.NFT_TRACETYPE_RULE || one.policy || one.hasPacket
}

func verdict(data []byte) string {
	name, chain := "", ""
	decoder, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return ""
	}
	decoder.ByteOrder = binary.BigEndian
	for decoder.Next() {
		switch decoder.Type() {
		case unix.NFTA_VERDICT_CODE:
			name = verdictName(int32(decoder.Uint32()))
		case unix.NFTA_VERDICT_CHAIN:
			chain = decoder.String()
		}
	}
	return strings.TrimSpace(name + " " + chain)
}

func verdictName(code int32) string {
	names := map[int32]string{
		unix.NFT_CONTINUE: "continue", unix.NFT_BREAK: "break", unix.NFT_JUMP: "jump", unix.NFT_GOTO: "goto", unix.NFT_RETURN: "return",
		0: "drop", 1: "accept", 2: "stolen", 3: "queue",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprint(code)
}

// rulesOf are the rules that a packet met in a place, in order.
func (w *watch) rulesOf(place string, is func(packet) bool) []inspect.Met {
	ours := map[uint32]bool{}
	for _, m := range w.met {
		if m.place == place && m.hasPacket && is(m.packet) {
			ours[m.trace] = true
		}
	}
	var list []inspect.Met
	for _, m := range w.met {
		if m.place != place || !ours[m.trace] || m.handle == 0 {
			continue
		}
		list = append(list, inspect.Met{
			Table: m.table, Chain: m.chain, Handle: m.handle, Verdict: m.verdict,
			Rule: w.texts[place][ruleKey{m.table, m.chain, m.handle}],
		})
	}
	return list
}
