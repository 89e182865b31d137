package rewind

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Keys of the objects that are not simply written again.
const (
	podKeys  = registry + "pods/"
	nodeKeys = registry + "minions/"
	dnsKey   = registry + "configmaps/kube-system/coredns"
)

// uidKeys are those of the objects that name pods by their UID.
var uidKeys = []string{
	registry + "persistentvolumeclaims/", registry + "resourceclaims/", registry + "endpointslices/", registry + "services/endpoints/",
}

// Plan is what has to be written to get from one state to another.
type Plan struct {
	Put    []KV // Revision is that of the key now, 0 if there is none
	Delete []KV
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Put) == 0 && len(p.Delete) == 0 }

// Keys are those that are written, in order.
func (p Plan) Keys() []string {
	var keys []string
	for _, kv := range slices.Concat(p.Put, p.Delete) {
		keys = append(keys, kv.Key)
	}
	slices.Sort(keys)
	return keys
}

// MakePlan compares the state that is with the one that was.
func MakePlan(now, then State) (Plan, error) {
	var plan Plan
	renamed := map[string]string{}
	keys := maps.Clone(now.Keys)
	maps.Copy(keys, then.Keys)
	// Pods first: others name them by UIDs that change.
	order := slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		if pa, pb := strings.HasPrefix(a, podKeys), strings.HasPrefix(b, podKeys); pa != pb {
			if pa {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, key := range order {
		is, there := now.Keys[key]
		was, existed := then.Keys[key]
		value, err := wanted(key, is, was, there, existed, now, renamed)
		switch {
		case err != nil:
			return Plan{}, err
		case value == nil && there:
			plan.Delete = append(plan.Delete, is)
		case value != nil && !(there && bytes.Equal(value, is.Value)):
			plan.Put = append(plan.Put, KV{Key: key, Value: value, Revision: is.Revision})
		}
	}
	return plan, nil
}

// wanted is the value a key is to have; nil for none.
func wanted(key string, is, was KV, there, existed bool, now State, renamed map[string]string) ([]byte, error) {
	switch {
	case strings.HasPrefix(key, podKeys):
		return wantedPod(is, was, there, existed, now, renamed)
	case strings.HasPrefix(key, nodeKeys):
		return wantedNode(is, was, there, existed)
	case !existed:
		return nil, nil
	case key == dnsKey:
		return wantedDNS(is, was, there)
	}
	value := was.Value
	for _, prefix := range uidKeys {
		if strings.HasPrefix(key, prefix) {
			for from, to := range renamed {
				// UIDs have all the same length: no length before them changes.
				value = bytes.ReplaceAll(value, []byte(from), []byte(to))
			}
		}
	}
	return value, nil
}
