package lessons

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// inLanguage is the name of a file's translation, or the file's own where there is none.
func inLanguage(files fs.FS, name, language string) string {
	if language == "" {
		return name
	}
	ext := path.Ext(name)
	translated := strings.TrimSuffix(name, ext) + "." + language + ext
	if _, err := fs.Stat(files, translated); err != nil {
		return name
	}
	return translated
}

// Languages are those into which a lesson of the course is translated.
func Languages(files fs.FS) []string {
	found, err := fs.Glob(files, "*/lesson.*.md")
	if err != nil {
		return nil
	}
	var all []string
	for _, f := range found {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(path.Base(f), "lesson."), ".md"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lintTranslations holds translations against what they translate: they say it in other
// words, and do and check the same.
func lintTranslations(files fs.FS, course *Course) Problems {
	var problems Problems
	for _, language := range Languages(files) {
		translated, wrong := load(files, language)
		if len(wrong) > 0 {
			problems = append(problems, wrong...)
			continue
		}
		for _, l := range translated.Lessons() {
			original := course.Find(l.ID)
			switch {
			case original == nil:
				problems = append(problems, Problem{File: l.file, Message: fmt.Sprintf("the id %q is not that of the lesson it translates", l.ID)})
			case !slices.Equal(original.deeds(), l.deeds()):
				problems = append(problems, Problem{File: l.file, Message: "the translation does or checks something else than lesson.md: only words may differ"})
			}
		}
	}
	return problems
}

// deeds are all that a lesson does and checks, without its words.
func (l *Lesson) deeds() []string {
	all := []string{l.ID, string(l.Kind), l.Namespace, fmt.Sprint(l.Minutes, l.Teaches, l.Needs, l.Alone, l.Limit, l.Pass, l.Cluster.Nodes, l.Cluster.Clock, l.Cluster.Snapshot, l.Panes)}
	act := func(actions []Action) {
		for _, a := range actions {
			all = append(all, fmt.Sprint(a.Apply, a.Kubectl, a.Kubarium, a.Wait.Source))
			if a.Delete != nil {
				all = append(all, fmt.Sprint(a.Delete.Resource, a.Delete.Namespace, a.Delete.Name))
			}
			for _, f := range []*Fault{a.Node, a.Component} {
				if f != nil {
					all = append(all, f.Name, f.Do)
				}
			}
		}
	}
	for _, let := range l.Let {
		all = append(all, let.Name, let.Expr.Source)
	}
	for _, p := range l.Probes {
		all = append(all, fmt.Sprint(p.Name, p.Pod, p.Run, p.Logs, p.Processes, p.Etcd))
	}
	act(l.Setup)
	act(l.Cleanup)
	for i := range l.Steps {
		s := &l.Steps[i]
		all = append(all, s.ID, fmt.Sprint(s.Solution(), s.Points, s.Fails))
		act(s.Start)
		for _, c := range s.Checks {
			all = append(all, fmt.Sprint(c.Mode, c.Expr.Source, c.Baseline.Source, c.For, c.Within))
		}
		for _, q := range s.Quiz {
			all = append(all, fmt.Sprint(len(q.Options), q.Right()))
		}
	}
	return all
}
