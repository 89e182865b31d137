package inspect

import (
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// FuzzParseRuleset reads listings, cut and bent; every chain that a Service has must come to
// an end.
func FuzzParseRuleset(f *testing.F) {
	f.Add(listing)
	f.Add("map m {\n\telements = { ; . 80 : goto service-A-default/web/tcp/, fe80::1%;x . tcp . 80 : goto service-A-default/web/tcp/ }\n}")
	f.Add("table ip kube-proxy {\n\tchain service-A-default/web/tcp/ {\n\t\tgoto service-A-default/web/tcp/ # handle 1\n\t}\n}")
	f.Fuzz(func(t *testing.T, text string) {
		s := Service{Namespace: "default", Name: "web"}
		s.Doors = ParseRuleset(text).Service(s.Namespace, s.Name)
		s.Count(nil)
		for _, door := range s.Doors {
			if door.Map == "" {
				t.Errorf("a door without a map: %+v", door)
			}
			m := Meter{table: "counting", known: map[string]bool{}}
			var script strings.Builder
			m.add(&script, door)
			// What a listing says is not to become commands of its own.
			for line := range strings.Lines(script.String()) {
				if !strings.HasPrefix(line, "add rule ip counting ") || strings.Contains(line, ";") {
					t.Errorf("%q makes nft run %q", text, line)
				}
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

// FuzzNote reads lines of /proc/PID/status as no kernel writes them.
func FuzzNote(f *testing.F) {
	for _, seed := range [][2]string{{"CapEff", "00000000a80425fb"}, {"CapBnd", "ffffffffffffffffff"}, {"Seccomp_filters", "-1"}, {"Uid", "0\t1000\t0\t0"}, {"Gid", ""}, {"Seccomp", "3"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		var l Linux
		l.note(key, value)
		if len(l.Capabilities.Effective) > 64 || l.UID != "" && !strings.Contains(value, l.UID) {
			t.Errorf("%s: %q is %+v", key, value, l)
		}
	})
}

// FuzzReadMeter reads counters as nft does not write them.
func FuzzReadMeter(f *testing.F) {
	f.Add([]byte(`{"nftables": [{"metainfo": {}}, {"rule": {"comment": "10.96.0.1 tcp 443", "expr": [{"counter": {"packets": 2, "bytes": 120}}]}}]}`))
	f.Add([]byte(`{"nftables": [null, {"rule": null}, {"rule": {"comment": "x", "expr": [null, {"counter": null}]}}]}`))
	f.Fuzz(func(t *testing.T, listing []byte) {
		counts, err := readMeter(listing)
		if err != nil && counts != nil {
			t.Errorf("%q has %v and is wrong: %v", listing, counts, err)
		}
		for comment, c := range counts {
			if comment == "" || c == nil {
				t.Errorf("%q: %q has %v", listing, comment, c)
			}
		}
	})
}
