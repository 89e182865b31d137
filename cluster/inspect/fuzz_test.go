package inspect

import (
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// FuzzParseRuleset reads listings, cut and bent; every chain that a Service has must come to
// an end.
func FuzzParseRuleset(f *testing.F) {
	f.Add(listing)
	f.Add("table ip kube-proxy {\n\tchain service-A-default/web/tcp/ {\n\t\tgoto service-A-default/web/tcp/ # handle 1\n\t}\n}")
	f.Fuzz(func(t *testing.T, text string) {
		s := Service{Namespace: "default", Name: "web"}
		s.Doors = ParseRuleset(text).Service(s.Namespace, s.Name)
		s.Count(nil)
		for _, door := range s.Doors {
			if door.Map == "" {
				t.Errorf("a door without a map: %+v", door)
			}
		}
	})
}

// FuzzTransaction reads what the kernel tells of changes.
func FuzzTransaction(f *testing.F) {
	kinds := []uint16{unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE, unix.NFT_MSG_NEWSETELEM, unix.NFT_MSG_NEWGEN}
	f.Add(uint8(0), []byte{2, 0, 0, 0, 15, 0, 1, 0, 'k', 'u', 'b', 'e', '-', 'p', 'r', 'o', 'x', 'y', 0})
	f.Add(uint8(2), []byte{2, 0, 0, 0, 8, 0, 3, 128, 4, 0, 1, 128})
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		tx := newTransaction()
		of := kinds[int(kind)%len(kinds)]
		m := netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | of)}, Data: data}
		if last := tx.add(m); last && of != unix.NFT_MSG_NEWGEN {
			t.Error("a transaction ended early")
		}
		for _, c := range tx.changes() {
			if c.Service == "" || c.Added+c.Removed == 0 {
				t.Errorf("%+v", c)
			}
		}
	})
}
