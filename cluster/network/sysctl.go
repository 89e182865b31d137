package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// setSysctls makes a router of the namespace of the calling thread: files under
// /proc/sys/net are those of the namespace of whoever opens them.
func setSysctls() error {
	if err := setSysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	for _, link := range []string{"all", "default"} {
		if err := quietLink(link); err != nil {
			return err
		}
	}
	// All of the lab is IPv4; IPv6 would only add router solicitations.
	// With Docker on the host, bridged frames would also take a detour through
	// the (empty) packet filter of this namespace.
	for _, s := range [][2]string{
		{"net/ipv6/conf/all/disable_ipv6", "1"},
		{"net/ipv6/conf/default/disable_ipv6", "1"},
		// Connections to one address spread over the nodes it is routed to.
		{"net/ipv4/fib_multipath_hash_policy", "1"},
		{"net/bridge/bridge-nf-call-iptables", "0"},
		{"net/bridge/bridge-nf-call-ip6tables", "0"},
		{"net/bridge/bridge-nf-call-arptables", "0"},
	} {
		if err := setSysctl(s[0], s[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// quietLink lets packets leave by the link they came in by, as those between
// the pods of two nodes do, without telling the sender of a shorter way:
// with a redirect the first node would then bypass the router, and with the
// reverse path filter the router would drop what has no route back yet.
func quietLink(link string) error {
	if err := setSysctl("net/ipv4/conf/"+link+"/send_redirects", "0"); err != nil {
		return err
	}
	return setSysctl("net/ipv4/conf/"+link+"/rp_filter", "0")
}

func setSysctl(name, value string) error {
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
		return fmt.Errorf("set sysctl: %w", err)
	}
	return nil
}
