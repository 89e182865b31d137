package gateway

import (
	"net/netip"
	"testing"
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
