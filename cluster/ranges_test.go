package cluster

import (
	"net/netip"
	"strings"
	"testing"

	"kubarium/cluster/network"
)

// TestNotesTellOfOtherAddresses proves that whoever starts a cluster is told when it has
// other addresses than all that is written about it, and when these are in the way.
func TestNotesTellOfOtherAddresses(t *testing.T) {
	docker := []netip.Prefix{netip.MustParsePrefix("10.89.0.1/32"), netip.MustParsePrefix("10.89.0.0/24")}
	if notes := (state{}).notes(nil); len(notes) > 0 {
		t.Errorf("without cause: %q", notes)
	}
	moved := network.Choose(docker)
	notes := strings.Join(state{Network: &moved}.notes(docker), "\n")
	if !strings.Contains(notes, "uses 10.90.0.0/24 for nodes") || !strings.Contains(notes, "has 10.89.0.0/24.") || strings.Contains(notes, "reset") {
		t.Errorf("of a cluster that was moved: %q", notes)
	}
	if notes := strings.Join((state{}).notes(docker), "\n"); !strings.Contains(notes, "10.89.0.0/24") || !strings.Contains(notes, "reset") {
		t.Errorf("of a network that came later: %q", notes)
	}
}
