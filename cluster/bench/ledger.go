package bench

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// ledger is what a cluster owes: what it acknowledged, and did not take back.
type ledger struct {
	// there and gone are the ConfigMaps whose creation, and whose deletion, was
	// acknowledged, the latter also the former; unsure those of whose deletion nobody
	// knows.
	there, gone, unsure map[types.UID]string
	// pods are those whose creation was acknowledged and whose deletion nobody asked
	// for; leaving those whose deletion was asked for, and not acknowledged yet; ended those
	// whose deletion was, at once.
	pods, leaving []string
	ended         map[string]bool
	// scaled is the number of replicas that was acknowledged last, and those that were
	// asked for since.
	scaled []int32
}

func newLedger() ledger {
	return ledger{there: map[types.UID]string{}, gone: map[types.UID]string{}, unsure: map[types.UID]string{}, ended: map[string]bool{}}
}

// clone is the ledger of this moment.
func (l ledger) clone() ledger {
	return ledger{
		there: maps.Clone(l.there), gone: maps.Clone(l.gone), unsure: maps.Clone(l.unsure),
		pods: slices.Clone(l.pods), leaving: slices.Clone(l.leaving), scaled: slices.Clone(l.scaled),
		ended: maps.Clone(l.ended),
	}
}

// differs counts what is owed and not there, or there and not owed.
func (l ledger) differs(found map[types.UID]bool, pods map[string]bool) int {
	lost := 0
	for uid := range l.there {
		if !found[uid] {
			lost++
		}
	}
	for uid := range l.gone {
		if found[uid] {
			lost++
		}
	}
	for _, name := range l.pods {
		if !pods[name] {
			lost++
		}
	}
	for name := range l.ended {
		if pods[name] {
			lost++
		}
	}
	return lost
}
