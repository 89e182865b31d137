package cluster

import "testing"

// TestNodesOfferWhatTheirContainerHas proves that pods on three nodes do not get more memory
// promised than there is, in a container and outside.
func TestNodesOfferWhatTheirContainerHas(t *testing.T) {
	const total = 64 << 30
	for what, has := range map[string]int64{"container": 4 << 30, "machine": total} {
		var offered int64
		for _, s := range shares {
			// A kubelet offers what is not kept back of the machine's.
			offered += total - reserve(s, 2, total, has).MemoryBytes
		}
		if offered > has || offered < has*8/10 {
			t.Errorf("%s: three nodes offer %d MiB of %d", what, offered>>20, has>>20)
		}
	}
}
