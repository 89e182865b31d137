package lessons

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// expressions compiles every expression of the lesson, so that a wrong one is
// an error of the file and not of the lesson when it is played.
func (p *parser) expressions() error {
	env, err := newEnv(nothing{}, p.known, p.lesson.Space())
	if err != nil {
		return fmt.Errorf("expression environment: %w", err)
	}
	c := &compiler{env: env, known: p.known, report: p.report, used: map[string]bool{}}
	c.lesson(p.lesson)
	return nil
}

func (c *compiler) lesson(l *Lesson) {
	name := regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	c.probes = map[string]bool{}
	for _, probe := range l.Probes {
		c.probes[probe.Name] = true
	}
	for _, let := range l.Let {
		if !name.MatchString(let.Name) {
			c.report.add(let.Expr.nameLine, "let %q: a name begins with a small letter and has only letters, digits and _", let.Name)
			continue
		}
		c.let(let)
	}
	c.actions(l.Setup)
	c.actions(l.Cleanup)
	for _, s := range l.Steps {
		c.actions(s.Start)
		for _, check := range s.Checks {
			c.check(check)
		}
		for _, h := range s.Hints {
			if !h.When.IsZero() {
				c.condition(h.When, "when of a hint")
			}
			c.text(h.Say, "a hint")
		}
	}
}

func (c *compiler) check(check Check) {
	what := fmt.Sprintf("the check %q", check.Name)
	if !check.Expr.IsZero() {
		c.condition(check.Expr, what)
	}
	if !check.Baseline.IsZero() {
		c.condition(check.Baseline, "the baseline of "+what)
	}
	for _, s := range check.Saw {
		if !s.When.IsZero() {
			c.condition(s.When, "a when of "+what)
		}
		c.text(s.Say, "a sentence of "+what)
	}
}

func (c *compiler) actions(actions []Action) {
	for _, a := range actions {
		if !a.Wait.IsZero() {
			c.condition(a.Wait, "wait")
		}
	}
}

// Resources returns what the lesson's expressions look at and its actions
// change: what has to be watched to play it, and nothing else.
func (l *Lesson) Resources() []Resource {
	known := builtIn()
	env, err := newEnv(nothing{}, known, l.Space())
	if err != nil {
		return nil
	}
	c := &compiler{env: env, known: known, report: &reporter{}, used: map[string]bool{}}
	c.lesson(l)
	found := map[schema.GroupVersionResource]Resource{}
	for name := range c.used {
		if res, err := known.find(name); err == nil {
			found[res.GroupVersionResource] = res
		}
	}
	if l.Cluster.Nodes > 0 {
		if res, err := known.find("nodes"); err == nil {
			found[res.GroupVersionResource] = res
		}
	}
	for _, a := range l.allActions() {
		if a.Delete != nil {
			if res, err := known.find(a.Delete.Resource); err == nil {
				found[res.GroupVersionResource] = res
			}
		}
	}
	if l.Namespace != "" {
		// What has to be there before a pod can be made, and what goes last.
		for _, name := range []string{"namespaces", "serviceaccounts", "configmaps", "pods"} {
			if res, err := known.find(name); err == nil {
				found[res.GroupVersionResource] = res
			}
		}
	}
	applied := map[string]bool{}
	for _, a := range l.allActions() {
		applied[a.Apply] = true
	}
	for name := range l.Files {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		objects, _ := l.Objects(name)
		for _, o := range objects {
			// A kind that is not built in may not exist until the learner makes it.
			if _, builtIn := known.byKind[o.GroupVersionKind().GroupKind()]; !builtIn && !applied[name] {
				continue
			}
			res := known.forKind(o.GroupVersionKind())
			found[res.GroupVersionResource] = res
		}
	}
	all := make([]Resource, 0, len(found))
	for _, res := range found {
		all = append(all, res)
	}
	return all
}

// Runs reports whether the lesson has a command of Kubarium's own that begins so.
func (l *Lesson) Runs(word string) bool {
	var lines []string
	for _, a := range l.allActions() {
		lines = append(lines, "kubarium "+a.Kubarium)
	}
	for i := range l.Steps {
		lines = append(lines, l.Steps[i].Solution()...)
	}
	return slices.ContainsFunc(lines, func(line string) bool {
		args, ok := ToolOf(line)
		return ok && args[0] == word
	})
}

// Confined reports whether the lesson is in a namespace of its own, and needs no tidying up
// elsewhere: neither it nor its solution does something to nodes, components or timers.
func (l *Lesson) Confined() bool {
	if l.Namespace == "" || len(l.Cleanup) > 0 {
		return false
	}
	for _, a := range l.allActions() {
		if a.Kubarium != "" || a.Node != nil || a.Component != nil {
			return false
		}
	}
	return !slices.ContainsFunc(l.Steps, func(s Step) bool {
		return slices.ContainsFunc(s.Solution(), func(line string) bool {
			_, fault := FaultOf(line)
			_, tool := ToolOf(line)
			return fault || tool
		})
	})
}

func (l *Lesson) allActions() []Action {
	all := append(append([]Action(nil), l.Setup...), l.Cleanup...)
	for _, s := range l.Steps {
		all = append(all, s.Start...)
	}
	return all
}

// ResourceOf tells how the API server serves the kind of an object.
func ResourceOf(object *unstructured.Unstructured) Resource {
	return builtIn().forKind(object.GroupVersionKind())
}

// FindResource resolves the name of a resource as lessons write it.
func FindResource(name string) (Resource, error) {
	return builtIn().find(name)
}

// nothing is a cluster without objects, to compile against.
type nothing struct{}

func (nothing) Object(schema.GroupVersionResource, string, string) map[string]any { return nil }
func (nothing) Objects(schema.GroupVersionResource) []map[string]any              { return nil }
func (nothing) Commands() []Command                                               { return nil }
func (nothing) Attempts() int                                                     { return 0 }
func (nothing) Probe(string) Answer                                               { return Answer{} }
func (nothing) Attempt(string, string) *Attempt                                   { return nil }
func (nothing) Looks() []Look                                                     { return nil }
func (nothing) Rules(RulesOf) Rules                                               { return Rules{} }
func (nothing) Component(string) string                                           { return "" }
