package story

import (
	"cmp"
	"maps"
	"slices"

	"kubarium/cluster/trace"
)

// hosts are the pods of a story by their UID, and the node that each is on.
type hosts map[string]hosted

type hosted struct {
	pod  trace.Object
	node string
}

// note takes a write of a pod: what is deleted is on no node any more.
func (h hosts) note(w trace.Event) {
	delete(h, w.Object.UID)
	if node := w.Fields["nodeName"]; node != "" && w.Verb != "delete" {
		h[w.Object.UID] = hosted{w.Object, node}
	}
}

// on is a pod that is on a node: of several the first by name.
func (h hosts) on(node string) (trace.Object, bool) {
	there := slices.DeleteFunc(slices.Collect(maps.Values(h)), func(p hosted) bool { return p.node != node })
	if len(there) == 0 {
		return trace.Object{}, false
	}
	return slices.MinFunc(there, func(a, b hosted) int { return cmp.Compare(a.pod.String(), b.pod.String()) }).pod, true
}
