package convert

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lab is the front matter of an index.md of iximiuz Labs.
type lab struct {
	Title       string    `yaml:"title"`
	Description string    `yaml:"description"`
	Tasks       yaml.Node `yaml:"tasks"`
}

type task struct {
	Init      bool   `yaml:"init"`
	Run       string `yaml:"run"`
	HintCheck string `yaml:"hintcheck"`
	FailCheck string `yaml:"failcheck"`
	Machine   string `yaml:"machine"`
}

// Iximiuz drafts a lesson from the folder of a tutorial or a challenge.
func Iximiuz(files fs.FS, folder string, o Options) (*Draft, error) {
	text, err := read(files, "index.md")
	if err != nil {
		return nil, fmt.Errorf("content of iximiuz Labs: %w", err)
	}
	head, body, ok := frontMatter(text)
	if !ok {
		return nil, errors.New("content of iximiuz Labs: index.md has no front matter between two lines of ---")
	}
	var l lab
	if err := yaml.Unmarshal([]byte(head), &l); err != nil {
		return nil, fmt.Errorf("content of iximiuz Labs: index.md: %w", err)
	}
	f := &foreign{title: l.Title, summary: l.Description}
	tasks, order, err := readTasks(&l.Tasks)
	if err != nil {
		return nil, fmt.Errorf("content of iximiuz Labs: %w", err)
	}
	f.cut(body, tasks)
	for _, name := range order {
		t := tasks[name]
		switch {
		case t.Init && t.Run != "":
			f.setup = append(f.setup, script{scriptName(name), t.Run})
		case !t.Init && !f.uses(name):
			f.steps = append(f.steps, foreignStep{title: name, checks: []script{{scriptName(name), t.Run}}})
		}
		if t.HintCheck != "" || t.FailCheck != "" {
			f.notes = append(f.notes, fmt.Sprintf("left out hintcheck and failcheck of the task %s: write them as hints with when, and as invariants", name))
		}
		if t.Machine != "" {
			f.notes = append(f.notes, fmt.Sprintf("the task %s wants the machine %s", name, t.Machine))
		}
	}
	draft, err := f.draft(o, folder)
	if err != nil {
		return nil, fmt.Errorf("content of iximiuz Labs: %w", err)
	}
	return draft, nil
}

func scriptName(task string) string { return idOf(task) + ".sh" }

func frontMatter(text string) (head, body string, ok bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	rest, begins := strings.CutPrefix(text, "---\n")
	head, body, closed := strings.Cut(rest, "\n---\n")
	return head, body, begins && closed
}

// readTasks keeps their order.
func readTasks(n *yaml.Node) (map[string]task, []string, error) {
	tasks, order := map[string]task{}, []string(nil)
	if n.Kind != yaml.MappingNode {
		return tasks, nil, nil
	}
	if len(n.Content)/2 > maxFiles {
		return nil, nil, fmt.Errorf("more than %d tasks", maxFiles)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		var t task
		if err := n.Content[i+1].Decode(&t); err != nil {
			return nil, nil, fmt.Errorf("task %s: %w", n.Content[i].Value, err)
		}
		tasks[n.Content[i].Value] = t
		order = append(order, n.Content[i].Value)
	}
	return tasks, order, nil
}

// cut makes a step of each second-level heading, or one of all. Their components, between
// lines of ::name and ::, are tasks, hints, or are left out.
func (f *foreign) cut(body string, tasks map[string]task) {
	heading := regexp.MustCompile(`^## +(.+)$`)
	var at *foreignStep
	var intro []string
	fenced := false
	lines := strings.Split(body, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		switch m := heading.FindStringSubmatch(line); {
		case !fenced && m != nil:
			f.steps = append(f.steps, foreignStep{title: m[1]})
			at = &f.steps[len(f.steps)-1]
		case !fenced && regexp.MustCompile(`^:{2,3}[a-z-]+`).MatchString(line):
			i = f.component(lines, i, at, tasks)
		case at == nil:
			intro = append(intro, line)
		default:
			at.text += line + "\n"
		}
	}
	f.intro = strings.Join(intro, "\n")
}

// component takes over one of their components, and returns its last line.
func (f *foreign) component(lines []string, i int, at *foreignStep, tasks map[string]task) int {
	kind := strings.Trim(strings.Fields(lines[i] + " ")[0], ":")
	colons := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], ":"))]
	var inner []string
	for i++; i < len(lines) && strings.TrimSpace(lines[i]) != colons; i++ {
		inner = append(inner, lines[i])
	}
	text := strings.Join(inner, "\n")
	name := regexp.MustCompile(`(?m)^:name: *(\S+) *$`).FindStringSubmatch(text)
	switch {
	case strings.HasPrefix(kind, "hint-box") && at != nil:
		at.hints = append(at.hints, withoutProps(text))
	case name != nil && tasks[name[1]].Run != "" && !tasks[name[1]].Init:
		if at == nil {
			f.steps = append(f.steps, foreignStep{title: name[1]})
			at = &f.steps[len(f.steps)-1]
		}
		at.checks = append(at.checks, script{scriptName(name[1]), tasks[name[1]].Run})
		at.text += withoutProps(text) + "\n"
	default:
		f.notes = append(f.notes, fmt.Sprintf("left out a component %s", kind))
	}
	return i
}

// withoutProps leaves out a component's properties and the names of its slots.
func withoutProps(text string) string {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(text), "---\n"); ok {
		if _, after, closed := strings.Cut(rest, "\n---"); closed {
			text = after
		}
	}
	before, _, _ := strings.Cut(text, "\n#completed")
	return strings.TrimSpace(strings.Replace(before, "#active", "", 1))
}

func (f *foreign) uses(name string) bool {
	for _, s := range f.steps {
		for _, c := range s.checks {
			if c.name == scriptName(name) {
				return true
			}
		}
	}
	return false
}
