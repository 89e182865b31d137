package lessons

import (
	"fmt"
	"slices"
)

// Rights names what pods of the course's manifests want of the machine that they run on:
// with it they are as good as its owner.
func (c *Course) Rights() []string {
	var all []string
	for _, l := range c.Lessons() {
		for _, file := range fileNames(l) {
			objects, err := l.Objects(file)
			if err != nil {
				continue // no manifest
			}
			var wants []string
			for _, o := range objects {
				wants = append(wants, rightsIn(o.Object)...)
			}
			slices.Sort(wants)
			for _, want := range slices.Compact(wants) {
				all = append(all, fmt.Sprintf("lesson %s, %s: %s", l.ID, file, want))
			}
		}
	}
	return all
}

// rightsIn looks for them at any depth: pods are made by many kinds.
func rightsIn(value any) []string {
	var wants []string
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			switch key {
			case "hostPath":
				wants = append(wants, key)
			case "privileged", "hostPID", "hostNetwork", "hostIPC":
				if inner == true {
					wants = append(wants, key)
				}
			}
			wants = append(wants, rightsIn(inner)...)
		}
	case []any:
		for _, inner := range v {
			wants = append(wants, rightsIn(inner)...)
		}
	}
	return wants
}
