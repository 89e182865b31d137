package lessons

import (
	"regexp"
	"slices"
	"strings"
)

// Wants is what the cluster has to be before a lesson begins.
type Wants struct {
	// Nodes is how many nodes have to be Ready. Those that are missing are started, or added
	// and removed at the lesson's end.
	Nodes int `yaml:"nodes"`
	// Clock is fast or normal; "" leaves it as it is.
	Clock Clock `yaml:"clock"`
	// Snapshot is the id of the lesson with whose end this one begins.
	Snapshot string `yaml:"snapshot"`

	line int
}

// Clock says which of their values Kubernetes' timers have.
type Clock string

const (
	// Fast timers make nobody wait for minutes.
	Fast Clock = "fast"
	// Normal timers have production's values.
	Normal Clock = "normal"
)

// mostNodes is how many a lesson may want: each takes memory of the learner's machine.
const mostNodes = 6

// Panes are what a lesson may have opened in the app: parts of the map, and views over it.
func Panes() []string {
	return []string{"components", "nodes", "pods", "services", "events", "map", "glass", "graphs", "etcd"}
}

// wants checks what the front matter says of the cluster and of the app.
func (p *parser) wants() {
	w := p.lesson.Cluster
	if w.Nodes < 0 || w.Nodes > mostNodes {
		p.report.add(w.line, "nodes: a lesson may want 1 to %d", mostNodes)
	}
	if !slices.Contains([]Clock{"", Fast, Normal}, w.Clock) {
		p.report.add(w.line, "clock %q is none of fast, normal", w.Clock)
	}
	if w.Clock != "" && !p.lesson.Alone {
		p.report.add(w.line, "clock: all of the cluster has the same timers; say alone: true")
	}
	if w.Snapshot != "" && p.lesson.Namespace == "" {
		p.report.add(w.line, "snapshot: only the lesson's namespace is brought back; it needs one")
	}
	for _, name := range p.lesson.Panes {
		if !slices.Contains(Panes(), name) {
			p.report.add(p.lesson.line, "panes: the app has no %q to open; it has %s", name, strings.Join(Panes(), ", "))
		}
	}
}

// marks checks the keys that a step names, and look what it has marked.
func (p *parser) marks(s *Step) {
	for _, name := range s.Keys {
		if !regexp.MustCompile(`^(\S|[a-z][a-z0-9+]*)$`).MatchString(name) {
			p.report.add(s.line, "keys: %q is no key; write y, enter, ctrl+d or f2", name)
		}
	}
	for _, name := range s.Look {
		kind, object, one := strings.Cut(name, "/")
		switch {
		case one && (object == "" || !slices.Contains([]string{"nodes", "pods", "services", "components"}, kind)):
			p.report.add(s.line, "look: %q is no object of the map; write nodes/NAME, pods/NAME, services/NAME or components/NAME", name)
		case !one && regions()[name] == nil:
			p.report.add(s.line, "look: there is no part %q of the map; there are components, nodes, pods, services, events, and single ones, as pods/NAME", name)
		}
	}
}

// base finds the lesson with whose end another begins, and what keeps it from being that.
func (c *Course) base(l *Lesson) (*Lesson, string) {
	if l.Cluster.Snapshot == "" {
		return nil, ""
	}
	base := c.Find(l.Cluster.Snapshot)
	switch {
	case base == nil:
		return nil, "snapshot: there is no lesson " + l.Cluster.Snapshot
	case base == l || base.Cluster.Snapshot != "":
		return nil, "snapshot: the lesson " + base.ID + " does itself begin with a snapshot"
	case base.Namespace != l.Namespace:
		return nil, "snapshot: the lesson " + base.ID + " works in the namespace " + base.Namespace + "; this one needs the same"
	case base.Varies() || base.Kind == Exam || base.Kind == Sandbox:
		return nil, "snapshot: the lesson " + base.ID + " does not end always in the same way"
	}
	return base, ""
}

// findBases gives the lessons that begin with the end of another that other.
func findBases(course *Course) Problems {
	var problems Problems
	for _, l := range course.Lessons() {
		base, wrong := course.base(l)
		if wrong != "" {
			problems = append(problems, Problem{File: l.file, Line: l.Cluster.line, Message: wrong})
		}
		l.Base = base
	}
	return problems
}
