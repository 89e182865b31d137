package path

import (
	"encoding/binary"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// FuzzParse reads packets as anybody in a pod could send them.
func FuzzParse(f *testing.F) {
	whole := make([]byte, 40)
	whole[0], whole[9], whole[33] = 0x45, 6, 2
	binary.BigEndian.PutUint16(whole[20:], 4000)
	f.Add(whole)
	f.Add(whole[:20])
	// A header that claims to be longer than the packet.
	f.Add(append([]byte{0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 6}, make([]byte, 10)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, ok := parse(data)
		if ok && (!p.from.Addr().Is4() || !p.to.Addr().Is4()) {
			t.Errorf("%+v", p)
		}
	})
}

// FuzzTrace reads what the kernel tells of rules, cut and bent.
func FuzzTrace(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 2})
	f.Add([]byte{2, 0, 0, 0, 20, 0, 5, 128, 8, 0, 1, 0, 255, 255, 255, 253, 8, 0, 2, 0, 'w', 'e', 'b', 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m := netlink.Message{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_TRACE}, Data: data}
		if one, ok := readTrace(m); !ok && one.policy {
			t.Errorf("refused, and yet read: %+v", one)
		}
	})
}
