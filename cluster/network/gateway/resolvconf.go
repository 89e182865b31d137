package gateway

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"
)

// maxServers is how many name servers a resolver heeds (resolv.conf(5)).
const maxServers = 3

// resolver knows the host's name servers, and notices when they change: a
// laptop takes a running cluster from one network to another.
type resolver struct {
	path string

	mu       sync.Mutex
	modified time.Time
	size     int64
	list     []string
}

func newResolver(path string) *resolver {
	return &resolver{path: path, size: -1}
}

// servers returns the addresses to ask, in order.
func (r *resolver) servers() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	if err != nil {
		return r.list
	}
	if info.ModTime().Equal(r.modified) && info.Size() == r.size {
		return r.list
	}
	data, err := os.ReadFile(r.path)
	if err != nil {
		return r.list
	}
	r.modified, r.size, r.list = info.ModTime(), info.Size(), parseServers(data)
	return r.list
}

// parseServers reads the nameserver lines of a resolv.conf. Without any, the
// host itself is asked, as the C library does.
func parseServers(data []byte) []string {
	var list []string
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "nameserver" {
			continue
		}
		if address, err := netip.ParseAddr(string(fields[1])); err == nil && len(list) < maxServers {
			list = append(list, net.JoinHostPort(address.String(), strconv.Itoa(dnsPort)))
		}
	}
	if list == nil {
		list = []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(dnsPort))}
	}
	return list
}
