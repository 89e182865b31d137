// Package convert turns other people's courses into drafts of lessons: Killercoda's
// scenarios and iximiuz Labs' tutorials and challenges. What they say in prose and what
// they have typed is taken over. What they have run as scripts, with all rights on a
// machine of their own, is not: if the user agrees, a draft has it run in a pod.
package convert

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kubarium/lessons"
)

// Draft is a lesson to be finished by hand. It parses.
type Draft struct {
	ID string
	// Files are lesson.md and what lies beside it.
	Files map[string][]byte
	// Notes say what could not be taken over.
	Notes []string
}

// Options say how to convert.
type Options struct {
	// ID of the lesson; made from the folder's name when empty.
	ID string
	// Scripts takes over their scripts, to be run in a pod with Image.
	Scripts bool
	Image   string
}

// maxFile and maxFiles bound what is read of somebody's folder.
const (
	maxFile  = 256 << 10
	maxFiles = 200
)

// foreign is somebody's lesson, whatever its format.
type foreign struct {
	title, summary, intro, finish string
	setup                         []script
	steps                         []foreignStep
	notes                         []string
}

type foreignStep struct {
	title, text string
	checks      []script
	hints       []string
}

// script is a program of theirs.
type script struct{ name, text string }

// read returns a file of the folder; names that lead out of it are refused.
func read(files fs.FS, name string) (string, error) {
	name = path.Clean(strings.TrimPrefix(name, "./"))
	if !fs.ValidPath(name) {
		return "", fmt.Errorf("%q leads out of the folder", name)
	}
	info, err := fs.Stat(files, name)
	if err != nil {
		return "", err
	}
	if info.Size() > maxFile || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file, or larger than %d KiB", name, maxFile>>10)
	}
	content, err := fs.ReadFile(files, name)
	return string(content), err
}

// idOf makes an id of a title or a folder's name.
func idOf(name string) string {
	id := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-")
	if len(id) > 40 {
		id = id[:40]
	}
	return strings.Trim(id, "-")
}

// draft writes somebody's lesson in our format, and proves that it parses.
func (f *foreign) draft(o Options, folder string) (*Draft, error) {
	if o.ID == "" {
		o.ID = idOf(folder)
	}
	if o.ID == "" {
		o.ID = idOf(f.title)
	}
	if len(f.steps) == 0 {
		return nil, errors.New("it has no steps")
	}
	w := &writer{options: o, foreign: f, draft: &Draft{ID: o.ID, Files: map[string][]byte{}, Notes: f.notes}}
	text, err := w.lesson()
	if err != nil {
		return nil, err
	}
	beside := map[string][]byte{}
	for name, content := range w.draft.Files {
		beside[name] = content
	}
	if _, err := lessons.Parse("lesson.md", []byte(text), beside); err != nil {
		return nil, fmt.Errorf("what came out is no lesson: %w", err)
	}
	w.draft.Files["lesson.md"] = []byte(text)
	return w.draft, nil
}

// writer writes one draft.
type writer struct {
	options Options
	foreign *foreign
	draft   *Draft
	// scripts are those that go into the pod, by their names.
	scripts map[string]string
}

func (w *writer) note(format string, args ...any) {
	w.draft.Notes = append(w.draft.Notes, fmt.Sprintf(format, args...))
}

func (w *writer) lesson() (string, error) {
	f, id := w.foreign, w.options.ID
	w.collect()
	front := map[string]any{
		"id": id, "title": oneLine(f.title, id), "summary": oneLine(f.summary, f.title), "minutes": max(5, 3*len(f.steps)), "namespace": id,
		"docs": []any{map[string]any{"title": "to do: the page of the documentation", "url": "https://kubernetes.io/docs/"}},
	}
	if err := w.pod(front); err != nil {
		return "", err
	}
	head, err := yaml.Marshal(front)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "---\n%s---\n\n# %s\n\n%s\n", head, oneLine(f.title, id), prose(f.intro))
	for i, step := range f.steps {
		part, err := w.step(i, step)
		if err != nil {
			return "", err
		}
		b.WriteString(part)
	}
	fmt.Fprintf(&b, "\n## What you now know\n\n%s\n\n%s\n", prose(f.finish), debrief)
	return b.String(), nil
}

const debrief = "**What happened.** To do.\n\n**The picture to keep.** To do.\n\n**Where it bites at work.** To do.\n\n" +
	"```yaml quiz\n- ask: To do, a question that needs understanding?\n  options:\n" +
	"    - {text: The right answer., right: true, why: To do.}\n    - {text: A tempting one., why: To do.}\n```\n\n```yaml step\nid: debrief\n```"

// collect decides what becomes of their scripts.
func (w *writer) collect() {
	w.scripts = map[string]string{}
	all := slices.Clone(w.foreign.setup)
	for _, s := range w.foreign.steps {
		all = append(all, s.checks...)
	}
	for _, s := range all {
		if w.options.Scripts {
			w.scripts[s.name] = s.text
		} else {
			w.note("left out the script %s: say what it does as setup, or as a check in CEL", s.name)
		}
	}
}

// pod adds the pod in which their scripts run: with rights in the lesson's namespace only.
func (w *writer) pod(front map[string]any) error {
	if len(w.scripts) == 0 {
		return nil
	}
	manifest, err := scriptsPod(w.scripts, w.options.Image)
	if err != nil {
		return err
	}
	file := w.options.ID + "-scripts.yaml"
	w.draft.Files[file] = manifest
	setup := []any{map[string]any{"apply": file}, map[string]any{"wait": `ready(pod("scripts"))`, "within": "2m"}}
	for _, s := range w.foreign.setup {
		setup = append(setup, map[string]any{"kubectl": "exec scripts -- sh /scripts/" + s.name, "within": "2m"})
	}
	front["setup"] = setup
	var probes []any
	for _, step := range w.foreign.steps {
		for _, check := range step.checks {
			probes = append(probes, map[string]any{"name": check.name, "pod": "scripts", "run": []any{"sh", "/scripts/" + check.name}})
		}
	}
	if len(probes) > 0 {
		front["probes"] = probes
	}
	w.note("their scripts run in the pod scripts, with the image %s, and may change what is in the namespace; they find no other machine there", w.options.Image)
	return nil
}

// step writes one of their steps.
func (w *writer) step(i int, s foreignStep) (string, error) {
	text, commands := instructions(s.text)
	data := map[string]any{"id": fmt.Sprintf("step-%d", i+1)}
	var checks []any
	for _, c := range s.checks {
		if w.scripts[c.name] == "" {
			continue
		}
		checks = append(checks, map[string]any{
			"name": "To do: what is true then", "expr": fmt.Sprintf("probe(%q).ok", c.name), "within": "30s",
			"saw": []any{map[string]any{"say": fmt.Sprintf("{{ probe('%s').output }}", c.name)}},
		})
	}
	var hints []any
	for _, h := range s.hints {
		hints = append(hints, map[string]any{"say": oneLine(strings.NewReplacer("{{", "", "}}", "").Replace(h), "To do.")})
	}
	if len(checks) > 0 {
		data["checks"] = checks
		if len(hints) == 0 {
			hints = []any{map[string]any{"say": "To do."}}
		}
		if len(commands) == 0 {
			data["solve"] = []any{"kubectl get pods"}
			w.note("step %d has a check, and nothing that kubectl can do: its solve is to be written", i+1)
		}
	}
	if len(hints) > 0 {
		data["hints"] = hints
	}
	block, err := yaml.Marshal(data)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("\n## %s\n\n%s\n\n```yaml step\n%s```\n", oneLine(s.title, fmt.Sprintf("Step %d", i+1)), text, block), nil
}

func oneLine(texts ...string) string {
	for _, t := range texts {
		if t = strings.Join(strings.Fields(t), " "); t != "" {
			return t
		}
	}
	return "To do"
}
