package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// proxyTable is kube-proxy's table.
const proxyTable = "kube-proxy"

// RuleChange is what one transaction did to the rules of one Service.
type RuleChange struct {
	// By is the program that made it, by the kernel's word.
	By string
	// Service is namespace/name.
	Service string
	// Added and Removed are how many rules came and went; Chains are where.
	Added, Removed int
	Chains         []string
	// Endpoints are the destinations in the rules that came.
	Endpoints []string
}

// subscribe listens to what the kernel tells of a network namespace; ctx ends it.
func subscribe(ctx context.Context, namespace string, groups ...uint32) (*netlink.Conn, error) {
	ns, err := os.Open(namespace)
	if err != nil {
		return nil, fmt.Errorf("find network namespace: %w", err)
	}
	defer ns.Close()
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns.Fd())})
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for changes: %w", err)
	}
	for _, group := range groups {
		if err := c.JoinGroup(group); err != nil {
			return nil, errors.Join(fmt.Errorf("ask the kernel for changes: %w", err), c.Close())
		}
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

// FollowPackets calls f when rules change, or a connection begins or ends, in the network
// namespace of that path, until ctx ends.
func FollowPackets(ctx context.Context, namespace string, f func()) error {
	c, err := subscribe(ctx, namespace, unix.NFNLGRP_NFTABLES, unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_DESTROY)
	if err != nil {
		return err
	}
	for {
		// More than the socket could keep is a change as well.
		if _, err := c.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return ended(ctx, err)
		}
		f()
	}
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("follow packet rules: %w", err)
}

// rulePause is how long FollowRules waits before it listens anew.
const rulePause = time.Second

// FollowRules calls f with what each transaction changed in the rules of a Service, until ctx
// ends. lost is called when changes were not seen, with the reason: they came too fast to be
// kept, or the kernel could not be listened to. It is, again, after a pause.
func FollowRules(ctx context.Context, namespace string, f func(RuleChange), lost func(error)) {
	followRules(ctx, func(ctx context.Context) (receiver, error) {
		return subscribe(ctx, namespace, unix.NFNLGRP_NFTABLES)
	}, f, lost)
}

// receiver is a connection on which the kernel tells of changes.
type receiver interface {
	Receive() ([]netlink.Message, error)
}

func followRules(ctx context.Context, listen func(context.Context) (receiver, error), f func(RuleChange), lost func(error)) {
	deaf := false
	for {
		// The end of listening closes the connection.
		listening, cancel := context.WithCancel(ctx)
		c, err := listen(listening)
		if err == nil {
			deaf = false
			err = receiveRules(c, f, lost)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		// However long nobody can listen, it is said once.
		if !deaf {
			lost(err)
			deaf = true
		}
		select {
		case <-time.After(rulePause):
		case <-ctx.Done():
			return
		}
	}
}

// receiveRules returns why it receives nothing more.
func receiveRules(c receiver, f func(RuleChange), lost func(error)) error {
	t := newTransaction()
	for {
		messages, err := c.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			lost(err)
			t = newTransaction()
			continue
		case err != nil:
			return fmt.Errorf("listen to changes of packet rules: %w", err)
		}
		for _, m := range messages {
			if !t.add(m) {
				continue
			}
			for _, change := range t.changes() {
				f(change)
			}
			t = newTransaction()
		}
	}
}

// transaction collects the messages of one, which the kernel ends with its generation.
type transaction struct {
	by    string
	rules []ruleMessage
	// destinations are those in the maps that came with the rules, by name.
	destinations map[string][]string
}

type ruleMessage struct {
	chain   string
	removed bool
	// body is the rule's expressions.
	body []byte
}

func newTransaction() *transaction { return &transaction{destinations: map[string][]string{}} }

// add takes a message, and reports whether it was the last one. What can't be read is of no
// rule of kube-proxy's.
func (t *transaction) add(m netlink.Message) bool {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < 4 {
		return false
	}
	attributes := attributesOf(m.Data[4:])
	switch kind := m.Header.Type & 0xff; kind {
	case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
		if text(attributes[unix.NFTA_RULE_TABLE]) == proxyTable {
			t.rules = append(t.rules, ruleMessage{
				chain: text(attributes[unix.NFTA_RULE_CHAIN]), removed: kind == unix.NFT_MSG_DELRULE,
				body: attributes[unix.NFTA_RULE_EXPRESSIONS],
			})
		}
	case unix.NFT_MSG_NEWSETELEM:
		name := text(attributes[unix.NFTA_SET_ELEM_LIST_SET])
		if text(attributes[unix.NFTA_SET_ELEM_LIST_TABLE]) == proxyTable && strings.HasPrefix(name, "__map") {
			t.destinations[name] = append(t.destinations[name], mapped(attributes[unix.NFTA_SET_ELEM_LIST_ELEMENTS])...)
		}
	case unix.NFT_MSG_NEWGEN:
		t.by = text(attributes[unix.NFTA_GEN_PROC_NAME])
		return true
	}
	return false
}

// changes are what the transaction did, by Service.
func (t *transaction) changes() []RuleChange {
	found := map[string]*RuleChange{}
	var order []string
	for _, rule := range t.rules {
		service, ok := ServiceOf(rule.chain)
		if !ok {
			continue
		}
		change := found[service]
		if change == nil {
			change = &RuleChange{By: t.by, Service: service}
			found[service] = change
			order = append(order, service)
		}
		if !slices.Contains(change.Chains, rule.chain) {
			change.Chains = append(change.Chains, rule.chain)
		}
		if rule.removed {
			change.Removed++
			continue
		}
		change.Added++
		for _, e := range t.endpoints(rule) {
			if !slices.Contains(change.Endpoints, e) {
				change.Endpoints = append(change.Endpoints, e)
			}
		}
	}
	var list []RuleChange
	for _, service := range order {
		list = append(list, *found[service])
	}
	return list
}

// endpoints are the destinations that a rule gives to packets: its own, or those of its map.
func (t *transaction) endpoints(rule ruleMessage) []string {
	var list []string
	var address netip.Addr
	translates := false
	var port uint16
	each(rule.body, func(_ uint16, expression []byte) {
		parts := attributesOf(expression)
		switch text(parts[unix.NFTA_EXPR_NAME]) {
		case "immediate":
			value := attributesOf(attributesOf(parts[unix.NFTA_EXPR_DATA])[unix.NFTA_IMMEDIATE_DATA])[unix.NFTA_DATA_VALUE]
			switch len(value) {
			case 4:
				address = netip.AddrFrom4([4]byte(value))
			case 2:
				port = binary.BigEndian.Uint16(value)
			}
		case "nat":
			translates = true
		case "lookup":
			name := text(attributesOf(parts[unix.NFTA_EXPR_DATA])[unix.NFTA_LOOKUP_SET])
			list = append(list, t.destinations[name]...)
		}
	})
	if translates && address.IsValid() && port != 0 {
		list = append(list, netip.AddrPortFrom(address, port).String())
	}
	return list
}

// mapped are the addresses and ports in the elements of a map.
func mapped(elements []byte) []string {
	var list []string
	each(elements, func(_ uint16, element []byte) {
		value := attributesOf(attributesOf(element)[unix.NFTA_SET_ELEM_DATA])[unix.NFTA_DATA_VALUE]
		if len(value) == 8 {
			list = append(list, netip.AddrPortFrom(netip.AddrFrom4([4]byte(value)), binary.BigEndian.Uint16(value[4:])).String())
		}
	})
	return list
}

// each calls f with each attribute.
func each(data []byte, f func(kind uint16, value []byte)) {
	decoder, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return
	}
	for decoder.Next() {
		f(decoder.Type(), decoder.Bytes())
	}
}

func attributesOf(data []byte) map[uint16][]byte {
	found := map[uint16][]byte{}
	each(data, func(kind uint16, value []byte) { found[kind] = value })
	return found
}

func text(value []byte) string { return string(bytes.TrimRight(value, "\x00")) }
