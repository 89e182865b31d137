// Package network makes the lab network: everything the nodes and pods of a
// cluster are connected with, in a network namespace of its own, so that the
// host's network stays as it was. DESIGN.md shows the picture.
package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"kubarium/cluster/network/gateway"
)

const (
	// bridgeName is the bridge all nodes hang on; it has the router's address.
	bridgeName = "kubarium0"
	// tapName is the bridge port the gateway sits behind.
	tapName = "gateway0"
)

// Network is a lab network. Its methods may be called from any goroutine.
type Network struct {
	config Config
	log    *slog.Logger
	ns     *os.File
	// links talks netlink in the lab, whichever thread uses it.
	links *netlink.Handle

	gateway *gateway.Gateway
	// noEgress says why there is no gateway.
	noEgress error

	mu     sync.Mutex
	nodes  map[string]netip.Addr
	hosts  map[string]*host
	closed bool
}

// Open makes the lab network. The context bounds the call only.
func Open(ctx context.Context, config Config) (*Network, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("lab network: %w", err)
	}
	n := &Network{config: config, log: config.Log, nodes: map[string]netip.Addr{}, hosts: map[string]*host{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open lab network: %w", err), n.Close())
	}
	return n, nil
}

func (n *Network) open(ctx context.Context) error {
	var err error
	if n.ns, err = newNamespace(); err != nil {
		return err
	}
	if n.links, err = netlink.NewHandleAt(netns.NsHandle(n.ns.Fd()), unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	if err := n.Do(setSysctls); err != nil {
		return err
	}
	if err := n.makeBridge(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// A cluster without a way out is still a cluster: its images are bundled.
	if n.noEgress = n.openGateway(); n.noEgress != nil {
		n.log.Warn("the cluster has no way out to the network", "err", n.noEgress)
	}
	return nil
}

func (n *Network) makeBridge() error {
	lo, err := n.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	if err := n.links.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up loopback: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = bridgeName
	attrs.HardwareAddr = hardwareAddr(n.config.Router)
	// Nobody subscribes to multicast here; without snooping there are no
	// querier timers either.
	snooping := false
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := n.links.LinkAdd(bridge); err != nil {
		return fmt.Errorf("make bridge: %w", err)
	}
	if err := n.Do(func() error { return quietLink(bridgeName) }); err != nil {
		return err
	}
	if err := n.links.AddrAdd(bridge, &netlink.Addr{IPNet: n.config.ipNet(n.config.Router)}); err != nil {
		return fmt.Errorf("give bridge its address: %w", err)
	}
	if err := n.links.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bring up bridge: %w", err)
	}
	return nil
}

// Config is what the network was opened with.
func (n *Network) Config() Config { return n.config }

// Egress is nil when the cluster has a way out, and else says why it has none.
func (n *Network) Egress() error { return n.noEgress }

// Do runs f on a thread that is in the lab. Goroutines that f starts are not.
func (n *Network) Do(f func() error) error {
	return enter(n.ns, f)
}

// Listen listens in the lab; the address must be an IP literal. The listener
// may be used anywhere, and outlives the network unless it is closed.
func (n *Network) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if err := checkLiteral(address); err != nil {
		return nil, err
	}
	var l net.Listener
	err := n.Do(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	if err != nil && l != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, err
}

// ListenPacket is Listen for datagrams.
func (n *Network) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	if err := checkLiteral(address); err != nil {
		return nil, err
	}
	var c net.PacketConn
	err := n.Do(func() (err error) {
		c, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	if err != nil && c != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, err
}

// DialContext dials from the lab; the address must be an IP literal. With a
// name, net.Dialer would resolve and race addresses on goroutines of its own,
// which are not in the lab.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := checkLiteral(address); err != nil {
		return nil, err
	}
	var c net.Conn
	err := n.Do(func() (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	if err != nil && c != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, err
}

func checkLiteral(address string) error {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return fmt.Errorf("lab address %q: not an IP address with a port", address)
	}
	return nil
}

// Close takes the network down. Listeners and connections that were made in the
// lab are their users' to close; they reach nothing any more.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	var errs []error
	if n.gateway != nil {
		errs = append(errs, n.gateway.Close())
	}
	for _, h := range n.hosts {
		h.links.Close()
	}
	clear(n.hosts)
	if n.links != nil {
		errs = append(errs, n.deleteLinks())
		n.links.Close()
	}
	if n.ns != nil {
		errs = append(errs, n.ns.Close())
	}
	return errors.Join(errs...)
}

// deleteLinks cuts the nodes off now, even where a process of theirs, or a
// forgotten socket, keeps the namespaces.
func (n *Network) deleteLinks() error {
	links, err := n.links.LinkList()
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	var errs []error
	for _, l := range links {
		if l.Type() != "veth" && l.Type() != "bridge" {
			continue
		}
		var gone netlink.LinkNotFoundError
		if err := n.links.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) && !errors.As(err, &gone) {
			errs = append(errs, fmt.Errorf("delete link %s: %w", l.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}
