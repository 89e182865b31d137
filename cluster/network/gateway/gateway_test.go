package gateway

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOutside(t *testing.T) {
	g := &Gateway{config: Config{Inside: []netip.Prefix{
		netip.MustParsePrefix("10.89.0.0/24"), netip.MustParsePrefix("10.244.0.0/16"),
	}}}
	for address, want := range map[string]bool{
		"198.51.100.7":    true,
		"10.90.0.1":       true,
		"192.168.1.1":     true,
		"127.0.0.1":       false,
		"127.0.0.53":      false,
		"0.0.0.0":         false, // Linux takes it to loopback
		"0.1.2.3":         false,
		"169.254.169.254": false,
		"224.0.0.251":     false,
		"255.255.255.255": false,
		"10.89.0.2":       false,
		"10.89.0.99":      false,
		"10.244.3.4":      false,
	} {
		if got := g.outside(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is outside: %v", address, got)
		}
	}
}

func TestServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	r := newResolver(path)
	for _, c := range []struct {
		content string
		want    []string
	}{
		{
			"nameserver 192.0.2.1\nsearch a b\n# nameserver 192.0.2.2\nnameserver\t2001:db8::1\nnameserver nonsense\n",
			[]string{"192.0.2.1:53", "[2001:db8::1]:53"},
		},
		{"nameserver fe80::1%eth0", []string{"[fe80::1%eth0]:53"}},
		{
			"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
			[]string{"192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"},
		},
		{"", []string{"127.0.0.1:53"}},
	} {
		// The file is written anew while the resolver runs.
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := r.servers(); !slices.Equal(got, c.want) {
			t.Errorf("%q gives %v, want %v", c.content, got, c.want)
		}
	}
}
