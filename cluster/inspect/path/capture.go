package path

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// packet is what is looked at of one.
type packet struct {
	from, to               netip.AddrPort
	sequence, acknowledged uint32
	syn, ack, reset        bool
	// udp is set for what has no sequence number; said is how what it carries begins.
	udp  bool
	said [saidSize]byte
}

// saidSize is as much as the kernel tells, of a packet that meets rules, of what it carries.
const saidSize = 12

// parse reads the headers of a TCP or UDP packet, from that of IPv4 on.
func parse(data []byte) (packet, bool) {
	if len(data) < 20 || data[0]>>4 != 4 {
		return packet{}, false
	}
	// How long its header is, is the sender's word.
	head := min(int(data[0]&0xf)*4, len(data))
	return parseBoth(data, data[head:])
}

// parseBoth reads headers that come apart.
func parseBoth(ip, transport []byte) (packet, bool) {
	if len(ip) < 20 || len(transport) < 8 {
		return packet{}, false
	}
	from, to := netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	p := packet{
		from: netip.AddrPortFrom(from, binary.BigEndian.Uint16(transport)),
		to:   netip.AddrPortFrom(to, binary.BigEndian.Uint16(transport[2:])),
	}
	switch {
	case ip[9] == unix.IPPROTO_UDP:
		p.udp = true
		copy(p.said[:], transport[8:])
	case ip[9] == unix.IPPROTO_TCP && len(transport) >= 14:
		flags := transport[13]
		p.sequence, p.acknowledged = binary.BigEndian.Uint32(transport[4:]), binary.BigEndian.Uint32(transport[8:])
		p.syn, p.reset, p.ack = flags&2 != 0, flags&4 != 0, flags&16 != 0
	default:
		return packet{}, false
	}
	return p, true
}

// beginnings lets through what begins, accepts or refuses a TCP connection, or all of UDP,
// where nothing tells what begins.
func beginnings(udp bool) ([]unix.SockFilter, error) {
	const captured = 128
	instructions := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_TCP, SkipTrue: 4},
		bpf.LoadMemShift{Off: 0},
		bpf.LoadIndirect{Off: 13, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 2 | 4, SkipTrue: 1},
		bpf.RetConstant{Val: captured},
		bpf.RetConstant{Val: 0},
	}
	if udp {
		instructions = []bpf.Instruction{
			bpf.LoadAbsolute{Off: 9, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 1},
			bpf.RetConstant{Val: captured},
			bpf.RetConstant{Val: 0},
		}
	}
	program, err := bpf.Assemble(instructions)
	if err != nil {
		return nil, fmt.Errorf("make packet filter: %w", err)
	}
	var filter []unix.SockFilter
	for _, i := range program {
		filter = append(filter, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	return filter, nil
}

// capture listens at all interfaces of a place.
func (w *watch) capture(ctx context.Context, place Place) error {
	var fd int
	var links map[int]string
	err := place.Enter(func() (err error) {
		if links, err = linksHere(); err != nil {
			return err
		}
		fd, err = openCapture(w.udp)
		return err
	})
	if err != nil {
		return err
	}
	// A file that does not block is read by the runtime's poller, and closing it wakes the reader.
	file := os.NewFile(uintptr(fd), "packets")
	w.closers = append(w.closers, file.Close)
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("read packets: %w", err)
	}
	w.running.Go(func() {
		data, control := make([]byte, 256), make([]byte, 128)
		for ctx.Err() == nil {
			var n, nc int
			var from unix.Sockaddr
			var failed error
			err := raw.Read(func(fd uintptr) bool {
				n, nc, _, from, failed = unix.Recvmsg(int(fd), data, control, 0)
				return !errors.Is(failed, unix.EAGAIN)
			})
			if err != nil || failed != nil {
				return
			}
			link, ok := from.(*unix.SockaddrLinklayer)
			p, parsed := parse(data[:n])
			if !ok || !parsed {
				continue
			}
			w.mu.Lock()
			w.sights = append(w.sights, sight{
				place: place.Name, link: links[link.Ifindex], outgoing: link.Pkttype == unix.PACKET_OUTGOING,
				at: stamp(control[:nc]), packet: p,
			})
			w.mu.Unlock()
		}
	})
	return nil
}

func openCapture(udp bool) (fd int, err error) {
	filter, err := beginnings(udp)
	if err != nil {
		return 0, err
	}
	// Nothing is received before the filter is there.
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, fmt.Errorf("listen to packets: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0]))}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return 0, errors.Join(fmt.Errorf("filter packets: %w", err), unix.Close(fd))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return 0, errors.Join(fmt.Errorf("have packets stamped: %w", err), unix.Close(fd))
	}
	protocol := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol}); err != nil {
		return 0, errors.Join(fmt.Errorf("listen to packets: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// stamp is when the kernel saw the packet.
func stamp(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			ts := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			return time.Unix(ts.Unix())
		}
	}
	return time.Now()
}
