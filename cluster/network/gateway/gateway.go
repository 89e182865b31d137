// Package gateway is the lab network's way out: a router in user space. Its
// Ethernet end is a tap device in the lab; what nodes send there it ends itself,
// and dials from the host's namespace as any program there does. The host thus
// needs no route, no address and no packet filter rule for the lab.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/time/rate"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// nic is the number of the only interface of the stack.
const nic = 1

// Config says where the gateway is.
type Config struct {
	// Tap is the device the lab's frames come from. The gateway closes it.
	Tap *os.File
	// HardwareAddr is the gateway's own.
	HardwareAddr net.HardwareAddr
	// Address is the gateway's, with the length of the lab's subnet.
	Address netip.Prefix
	// Inside are the ranges that are the lab's own: nothing is dialed there.
	Inside []netip.Prefix
	// ResolvConf names the file with the host's name servers.
	ResolvConf string
	// MaxConnections bounds the TCP connections, with those that are being dialed.
	MaxConnections int
	// Log takes what goes wrong.
	Log *slog.Logger
}

// Gateway is a running gateway.
type Gateway struct {
	config Config
	stack  *stack.Stack
	dns    *resolver

	ctx    context.Context
	cancel context.CancelFunc

	// mu guards closing, so that no connection joins wg once Close waits.
	mu      sync.Mutex
	closing bool
	wg      sync.WaitGroup
	flows   chan struct{}
	streams chan struct{}
	// tellFull has the log say seldom that connections are refused.
	tellFull rate.Sometimes
}

// Start runs a gateway until it is closed. It owns config.Tap, also when it fails.
func Start(config Config) (*Gateway, error) {
	g := &Gateway{
		config:   config,
		dns:      newResolver(config.ResolvConf),
		flows:    make(chan struct{}, maxUDPFlows),
		streams:  make(chan struct{}, config.MaxConnections),
		tellFull: rate.Sometimes{Interval: tellFullAfter},
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	if err := g.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start gateway: %w", err), g.Close())
	}
	return g, nil
}

func (g *Gateway) start() error {
	g.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	if err := g.setTCPOptions(); err != nil {
		return err
	}
	if err := g.stack.CreateNIC(nic, newLink(g.config)); err != nil {
		return stackError("make interface", err)
	}
	address := tcpip.AddrFrom4(g.config.Address.Addr().As4())
	err := g.stack.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: g.config.Address.Bits()},
	}, stack.AddressProperties{})
	if err != nil {
		return stackError("set address", err)
	}
	// It takes in packets for every address there is, and answers from these.
	if err := g.stack.SetPromiscuousMode(nic, true); err != nil {
		return stackError("set promiscuous mode", err)
	}
	if err := g.stack.SetSpoofing(nic, true); err != nil {
		return stackError("set spoofing", err)
	}
	g.stack.SetRouteTable([]tcpip.Route{{Destination: subnetOf(g.config.Address), NIC: nic}})
	g.handleTCP()
	g.handleUDP()
	return g.serveDNS()
}

func (g *Gateway) setTCPOptions() error {
	sack := tcpip.TCPSACKEnabled(true)
	if err := g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return stackError("enable SACK", err)
	}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: tcpBuffer, Max: tcpBuffer}
	if err := g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &receive); err != nil {
		return stackError("bound receive buffers", err)
	}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: tcpBuffer, Max: tcpBuffer}
	if err := g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &send); err != nil {
		return stackError("bound send buffers", err)
	}
	return nil
}

// Close ends all connections and the gateway.
func (g *Gateway) Close() error {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	g.cancel()
	g.wg.Wait()
	err := g.config.Tap.Close()
	if g.stack != nil {
		g.stack.Destroy()
	}
	return err
}

// goTracked runs f on a goroutine that Close waits for, unless Close has begun.
func (g *Gateway) goTracked(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.wg.Go(f)
	return true
}

func (g *Gateway) outside(a netip.Addr) bool { return Outside(a, g.config.Inside) }

// Outside says whether an IPv4 address is dialed from the host's namespace for somebody in
// the cluster, which has the ranges inside. Never is the host itself by loopback (to which
// Linux takes 0.0.0.0 as well), nor are link-local addresses: cloud machines give out their
// credentials there.
func Outside(a netip.Addr, inside []netip.Prefix) bool {
	b := a.As4()
	if b[0] == 0 || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || b == [4]byte{255, 255, 255, 255} {
		return false
	}
	for _, p := range inside {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

func target(id stack.TransportEndpointID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(id.LocalAddress.As4()), id.LocalPort)
}

func subnetOf(p netip.Prefix) tcpip.Subnet {
	return tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(p.Masked().Addr().As4()), PrefixLen: p.Bits()}.Subnet()
}

func stackError(what string, err tcpip.Error) error {
	return fmt.Errorf("%s: %s", what, err)
}
