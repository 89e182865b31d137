package delay

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// TestLine has a router between two machines delay what one sends to the other.
func TestLine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("network namespaces are root's")
	}
	router, near, far := namespace(t), namespace(t), namespace(t)
	plug(t, router, near, "near", "10.1.0.1/24", "10.1.0.2/24")
	plug(t, router, far, "far", "10.2.0.1/24", "10.2.0.2/24")
	var listener net.Listener
	within(t, far, func() (err error) {
		listener, err = net.Listen("tcp4", "10.2.0.2:80")
		return err
	})
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	defer listener.Close()

	const by = 150 * time.Millisecond
	var line *Line
	within(t, router, func() (err error) {
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
			return err
		}
		if line, err = Open(by, 1500); err != nil {
			return err
		}
		value, bits := line.Mark()
		return nft(fmt.Sprintf(`table ip t { chain c { type filter hook prerouting priority -95
			iifname != "%s*" ip daddr 10.2.0.2 meta mark set meta mark & %#x | %#x; }; }`, Prefix, ^bits, value))
	})
	sent := make([]byte, 1<<20)
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	exchange := func() time.Duration {
		began := time.Now()
		var c net.Conn
		within(t, near, func() (err error) {
			c, err = net.Dial("tcp4", "10.2.0.2:80")
			return err
		})
		defer c.Close()
		took := time.Since(began)
		go func() { _, _ = c.Write(sent) }()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("what was sent comes back otherwise: %v", err)
		}
		return took
	}
	if took := exchange(); took < by {
		t.Errorf("a connection over a line of %s took %s", by, took)
	}
	if line.Lost() > 0 {
		t.Errorf("%d packets were lost", line.Lost())
	}
	within(t, router, line.Unroute)
	if err := line.Close(); err != nil {
		t.Error(err)
	}
	exchange()
	within(t, router, func() error {
		rules, err := netlink.RuleList(netlink.FAMILY_V4)
		if err == nil && len(rules) != 3 {
			err = fmt.Errorf("rules %v are left", rules)
		}
		if _, there := netlink.LinkByName(Prefix + "200"); there == nil {
			err = fmt.Errorf("the device is left: %w", err)
		}
		return err
	})
}

func nft(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = bytes.NewBufferString(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// namespace is a new one, with nothing but loopback.
func namespace(t *testing.T) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	made, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	return made
}

// within runs f on a thread that is in the namespace.
func within(t *testing.T, ns netns.NsHandle, f func() error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	failed := f()
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
}

// plug connects a machine to the router, which is its way to everybody.
func plug(t *testing.T, router, machine netns.NsHandle, name, routerAddress, address string) {
	t.Helper()
	within(t, router, func() error {
		cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(machine)}
		if err := netlink.LinkAdd(cable); err != nil {
			return err
		}
		return set(name, routerAddress)
	})
	within(t, machine, func() error {
		if err := set("eth0", address); err != nil {
			return err
		}
		gateway, _, err := net.ParseCIDR(routerAddress)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Gw: gateway})
	})
}

func set(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	parsed, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, parsed); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}
