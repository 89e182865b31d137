package gateway

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"gvisor.dev/gvisor/pkg/tcpip"
)

// FuzzParseServers looks for a resolv.conf of which nobody could be asked.
func FuzzParseServers(f *testing.F) {
	f.Add([]byte("nameserver 192.0.2.1\nnameserver fe80::1%eth0\n"))
	f.Add([]byte("search a.b\noptions ndots:5"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list := parseServers(data)
		if len(list) == 0 || len(list) > maxServers {
			t.Errorf("%d servers", len(list))
		}
		for _, server := range list {
			if _, err := netip.ParseAddrPort(server); err != nil {
				t.Errorf("server %q: %v", server, err)
			}
		}
	})
}

// FuzzExchange asks with what anybody in a pod could send, while no name server answers:
// what is a question is answered with a failure, under its own number.
func FuzzExchange(f *testing.F) {
	question, err := (&dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("web.default."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(question)
	f.Add(question[:20])
	update := slices.Clone(question)
	update[2] |= 5 << 3
	f.Add(update)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	r := newResolver("/nonexistent")
	f.Fuzz(func(t *testing.T, query []byte) {
		answer := r.exchange(ended, "udp", query)
		if answer == nil {
			return
		}
		var parser dnsmessage.Parser
		head, err := parser.Start(answer)
		if err != nil || !head.Response || head.RCode == dnsmessage.RCodeSuccess || head.ID != uint16(query[0])<<8|uint16(query[1]) {
			t.Errorf("%+v, %v", head, err)
		}
	})
}

// FuzzWanted looks at frames as a node could put them on the link.
func FuzzWanted(f *testing.F) {
	f.Add(uint16(0x0800), make([]byte, 20))
	f.Add(uint16(0x0806), make([]byte, 28))
	f.Add(uint16(0x0806), []byte{0, 1, 8, 0, 6})
	l := &link{address: netip.MustParseAddr("10.89.0.1")}
	f.Fuzz(func(t *testing.T, protocol uint16, packet []byte) {
		if l.wanted(tcpip.NetworkProtocolNumber(protocol), packet) && len(packet) < 20 {
			t.Error("nothing that short is for us")
		}
	})
}
