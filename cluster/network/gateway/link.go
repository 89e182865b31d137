package gateway

import (
	"errors"
	"net/netip"
	"os"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// mtu is Ethernet's, as the nodes' links have it.
const mtu = 1500

// link is the stack's interface: frames go to and come from the tap device.
// It hides from the stack what the stack, which takes every address for its
// own, would answer wrongly.
type link struct {
	tap     *os.File
	address netip.Addr
	mac     tcpip.LinkAddress

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
	wg         sync.WaitGroup
}

var _ stack.LinkEndpoint = (*link)(nil)

func newLink(c Config) *link {
	return &link{tap: c.Tap, address: c.Address.Addr(), mac: tcpip.LinkAddress(c.HardwareAddr)}
}

// Attach implements stack.LinkEndpoint; with a dispatcher, it begins to read.
func (l *link) Attach(d stack.NetworkDispatcher) {
	l.mu.Lock()
	begin := d != nil && l.dispatcher == nil
	l.dispatcher = d
	l.mu.Unlock()
	if begin {
		l.wg.Go(l.read)
	}
}

// read hands frames to the stack until the device is closed.
func (l *link) read() {
	frame := make([]byte, header.EthernetMinimumSize+mtu)
	for {
		n, err := l.tap.Read(frame)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil || n < header.EthernetMinimumSize {
			continue
		}
		l.deliver(frame[:n])
	}
}

func (l *link) deliver(frame []byte) {
	eth := header.Ethernet(frame)
	if dst := eth.DestinationAddress(); dst != l.mac && dst != header.EthernetBroadcastAddress {
		return
	}
	if !l.wanted(eth.Type(), frame[header.EthernetMinimumSize:]) {
		return
	}
	l.mu.RLock()
	dispatcher := l.dispatcher
	l.mu.RUnlock()
	if dispatcher == nil {
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
	defer pkt.DecRef()
	if l.ParseHeader(pkt) {
		dispatcher.DeliverNetworkPacket(eth.Type(), pkt)
	}
}

// wanted drops questions that are for others: who has the address of another
// node, and echo requests to hosts outside, which must not seem to answer.
func (l *link) wanted(protocol tcpip.NetworkProtocolNumber, packet []byte) bool {
	switch protocol {
	case header.ARPProtocolNumber:
		h := header.ARP(packet)
		return h.IsValid() && (h.Op() != header.ARPRequest || l.isOwn(h.ProtocolAddressTarget()))
	case header.IPv4ProtocolNumber:
		if len(packet) < header.IPv4MinimumSize {
			return false
		}
		h := header.IPv4(packet)
		return h.TransportProtocol() != header.ICMPv4ProtocolNumber || l.isOwn(h.DestinationAddressSlice())
	}
	return false
}

func (l *link) isOwn(address []byte) bool {
	a, ok := netip.AddrFromSlice(address)
	return ok && a == l.address
}

// WritePackets implements stack.LinkEndpoint.
func (l *link) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for i, pkt := range pkts.AsSlice() {
		view := pkt.ToView()
		_, err := l.tap.Write(view.AsSlice())
		view.Release()
		if err != nil {
			return i, &tcpip.ErrAborted{}
		}
	}
	return pkts.Len(), nil
}

// AddHeader implements stack.LinkEndpoint.
func (l *link) AddHeader(pkt *stack.PacketBuffer) {
	header.Ethernet(pkt.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: l.mac,
		DstAddr: pkt.EgressRoute.RemoteLinkAddress,
		Type:    pkt.NetworkProtocolNumber,
	})
}

// ParseHeader implements stack.LinkEndpoint.
func (l *link) ParseHeader(pkt *stack.PacketBuffer) bool {
	_, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	return ok
}

// Capabilities implements stack.LinkEndpoint. What the tap device hands out was
// made on this machine, with its checksums.
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityResolutionRequired | stack.CapabilityRXChecksumOffload
}

// IsAttached implements stack.LinkEndpoint.
func (l *link) IsAttached() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.dispatcher != nil
}

// Wait implements stack.LinkEndpoint.
func (l *link) Wait() { l.wg.Wait() }

// MTU implements stack.LinkEndpoint.
func (l *link) MTU() uint32 { return mtu }

// MaxHeaderLength implements stack.LinkEndpoint.
func (l *link) MaxHeaderLength() uint16 { return header.EthernetMinimumSize }

// LinkAddress implements stack.LinkEndpoint.
func (l *link) LinkAddress() tcpip.LinkAddress { return l.mac }

// ARPHardwareType implements stack.LinkEndpoint.
func (l *link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareEther }

// SetMTU implements stack.LinkEndpoint; the MTU is fixed.
func (l *link) SetMTU(uint32) {}

// SetLinkAddress implements stack.LinkEndpoint; the address is fixed.
func (l *link) SetLinkAddress(tcpip.LinkAddress) {}

// SetOnCloseAction implements stack.LinkEndpoint; nobody asks for one.
func (l *link) SetOnCloseAction(func()) {}

// Close implements stack.LinkEndpoint; the gateway closes the device.
func (l *link) Close() {}
