package nodeinit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// netSettings of the node's own network namespace: it routes between its pods and the
// rest. The cluster has IPv4 only; with IPv6 off, kube-proxy keeps one set of rules
// instead of two.
var netSettings = map[string]string{
	"ipv4/ip_forward":              "1",
	"ipv4/conf/all/rp_filter":      "0",
	"ipv4/conf/default/rp_filter":  "0",
	"ipv4/conf/all/send_redirects": "0",
	"ipv6/conf/all/disable_ipv6":   "1",
	// A Service without endpoints refuses, and does so each time: by default the kernel
	// tells a client once a second, and lets its other questions run into a timeout.
	"ipv4/icmp_ratelimit": "0",
	// Connection tracking counts packets: the rules of Services do not.
	"netfilter/nf_conntrack_acct": "1",
}

func setUpNetwork() error {
	for name, value := range netSettings {
		err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
		// The kernel may have been built without IPv6.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set net/%s: %w", name, err)
		}
	}
	return loopbackUp()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("turn loopback on: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("turn loopback on: %w", err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("turn loopback on: %w", err)
	}
	return nil
}
