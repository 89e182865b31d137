package convert

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
)

// scenario is Killercoda's index.json.
type scenario struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Details     struct {
		Intro  section   `json:"intro"`
		Steps  []section `json:"steps"`
		Finish section   `json:"finish"`
		Assets any       `json:"assets"`
	} `json:"details"`
}

type section struct {
	Title      string `json:"title"`
	Text       string `json:"text"`
	Verify     string `json:"verify"`
	Foreground string `json:"foreground"`
	Background string `json:"background"`
}

// Killercoda drafts a lesson from the folder of a scenario.
func Killercoda(files fs.FS, folder string, o Options) (*Draft, error) {
	text, err := read(files, "index.json")
	if err != nil {
		return nil, fmt.Errorf("scenario of Killercoda: %w", err)
	}
	var s scenario
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("scenario of Killercoda: index.json: %w", err)
	}
	f := &foreign{title: s.Title, summary: s.Description}
	k := killercoda{files: files, foreign: f}
	f.intro, f.finish = k.text(s.Details.Intro), k.text(s.Details.Finish)
	f.setup = k.scripts("intro", s.Details.Intro)
	if len(s.Details.Steps) > maxFiles {
		return nil, fmt.Errorf("scenario of Killercoda: more than %d steps", maxFiles)
	}
	for i, step := range s.Details.Steps {
		name := fmt.Sprintf("step%d", i+1)
		out := foreignStep{title: step.Title, text: k.text(step)}
		if step.Verify != "" {
			out.checks = k.script(name+"-verify", step.Verify)
		}
		for _, script := range k.scripts(name, step) {
			f.notes = append(f.notes, fmt.Sprintf("left out %s, which runs when step %d begins: what it does is to be done in setup", script.name, i+1))
		}
		f.steps = append(f.steps, out)
	}
	if s.Details.Assets != nil {
		f.notes = append(f.notes, "left out the assets: put manifests beside the lesson")
	}
	draft, err := f.draft(o, folder)
	if err != nil {
		return nil, fmt.Errorf("scenario of Killercoda: %w", err)
	}
	return draft, nil
}

type killercoda struct {
	files   fs.FS
	foreign *foreign
}

// text reads the prose of a section; a folder's name stands for its text.md.
func (k killercoda) text(s section) string {
	if s.Text == "" {
		return ""
	}
	text, err := read(k.files, s.Text)
	if err != nil {
		text, err = read(k.files, path.Join(s.Text, "text.md"))
	}
	if err != nil {
		k.foreign.notes = append(k.foreign.notes, fmt.Sprintf("left out %s: %v", s.Text, err))
	}
	return text
}

func (k killercoda) scripts(name string, s section) []script {
	var all []script
	if s.Background != "" {
		all = append(all, k.script(name+"-background", s.Background)...)
	}
	if s.Foreground != "" {
		all = append(all, k.script(name+"-foreground", s.Foreground)...)
	}
	return all
}

func (k killercoda) script(name, file string) []script {
	text, err := read(k.files, file)
	if err != nil {
		k.foreign.notes = append(k.foreign.notes, fmt.Sprintf("left out %s: %v", file, err))
		return nil
	}
	return []script{{name + ".sh", text}}
}
