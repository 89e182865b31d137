package lessons

import (
	"slices"
	"strings"
)

// regions are the parts of the app's map that a step can speak of, and the words in
// expressions by which it does.
func regions() map[string][]string {
	return map[string][]string{
		"components": {"component("},
		"nodes":      {"node(", `"nodes"`, "'nodes'"},
		"pods":       {"pod(", `"pods"`, "'pods'"},
		"services":   {`"services"`, `"endpointslices"`, "rules("},
		"events":     {"events("},
	}
}

// Regions are the parts of the map that a step speaks of: those that it names, or else
// those at which its checks look.
func (l *Lesson) Regions(s *Step) []string {
	if s.Look != nil {
		var named []string
		for _, look := range s.Look {
			if kind, _, _ := strings.Cut(look, "/"); !slices.Contains(named, kind) {
				named = append(named, kind)
			}
		}
		return named
	}
	var found []string
	for name, words := range regions() {
		if slices.ContainsFunc(l.names(words...), s.checked) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// Objects are the single parts of the map that a step speaks of, as pods/web.
func (s *Step) Objects() []string {
	return slices.DeleteFunc(slices.Clone(s.Look), func(look string) bool { return !strings.Contains(look, "/") })
}

// checked reports whether a check's condition contains the text.
func (s *Step) checked(text string) bool {
	return slices.ContainsFunc(s.Checks, func(c Check) bool { return strings.Contains(c.Expr.Source, text) })
}
