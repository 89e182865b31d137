package network

import (
	"net/netip"
	"testing"
)

// TestChooseAvoidsWhatIsTaken proves that no range that a machine has routes to is used
// while another is left, and that the usual ones are used where they can.
func TestChooseAvoidsWhatIsTaken(t *testing.T) {
	usual := Default()
	for name, c := range map[string]struct {
		taken []string
		same  bool
	}{
		"nothing":                   {nil, true},
		"elsewhere":                 {[]string{"192.168.1.0/24", "172.17.0.0/16"}, true},
		"the nodes' range":          {[]string{"10.89.0.0/24"}, false},
		"an address of the nodes":   {[]string{"10.89.0.200/32"}, false},
		"the load balancers' range": {[]string{"10.89.1.0/24"}, false},
		"the pods' range":           {[]string{"10.244.7.0/24"}, false},
		"the services' range":       {[]string{"10.96.0.0/12"}, false},
		"all of ten":                {[]string{"10.0.0.0/8"}, false},
		"all that is private":       {[]string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}, false},
	} {
		var taken []netip.Prefix
		for _, text := range c.taken {
			taken = append(taken, netip.MustParsePrefix(text))
		}
		r := Choose(taken)
		if err := r.Check(); err != nil {
			t.Errorf("%s is taken: %v", name, err)
		}
		if left := r.Overlap(taken); len(left) > 0 {
			t.Errorf("%s is taken: %+v overlaps with %v", name, r, left)
		}
		config := r.Config()
		same := config.Subnet == usual.Subnet && config.PodCIDR == usual.PodCIDR && config.ServiceCIDR == usual.ServiceCIDR &&
			config.LoadBalancerCIDR == usual.LoadBalancerCIDR && config.Router == usual.Router && config.Gateway == usual.Gateway
		if same != c.same {
			t.Errorf("%s is taken: %+v", name, r)
		}
	}
}

// TestCandidatesAreApart proves that no two ranges of which one may be chosen with the
// other overlap.
func TestCandidatesAreApart(t *testing.T) {
	var seen []netip.Prefix
	for _, list := range [][]string{candidates.nodes, candidates.pods, candidates.services} {
		for _, text := range list {
			p := netip.MustParsePrefix(text)
			if p != p.Masked() || len(overlapping(p, seen)) > 0 {
				t.Errorf("%s overlaps with %v", p, overlapping(p, seen))
			}
			seen = append(seen, p)
		}
	}
}

// TestTakenSeesTheMachinesNetworks looks for the network that these tests are in.
func TestTakenSeesTheMachinesNetworks(t *testing.T) {
	taken, err := Taken()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range taken {
		if p.Bits() == 0 || p.Addr().IsLoopback() {
			t.Errorf("%s is no network of the machine", p)
		}
	}
	if len(taken) == 0 {
		t.Error("the machine has no network at all")
	}
}
