package play

import (
	"slices"
	"strings"
)

// concerns reports whether an object can be this lesson's: others may be
// played at the same time, and the cluster has business of its own.
func (p *Player) concerns(k objectKey) bool {
	switch {
	case k.namespace == "kube-system" || k.namespace == "kube-node-lease":
		return false
	case k.resource == core("namespaces"):
		return k.name == p.lesson.Namespace
	case p.lesson.Alone:
		return true
	}
	return k.namespace == p.lesson.Space()
}

// leftovers names what is in the cluster now and was not before the lesson.
func (p *Player) leftovers() []string {
	var names []string
	for k := range p.store.keys() {
		if !p.before[k] && p.concerns(k) {
			names = append(names, strings.TrimPrefix(k.namespace+"/", "/")+k.resource.Resource+"/"+k.name)
		}
	}
	slices.Sort(names)
	return names
}
