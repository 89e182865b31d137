package theme

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Own is a theme that a user has written: colours by what they mean, the others as in a
// theme of ours.
type Own struct {
	Name, base string
	palette    palette
}

// New makes the look.
func (o *Own) New(isDark, ascii bool) *Theme {
	return o.palette.theme(o.Name, o.base, isDark, ascii)
}

// fields are the colours by the names that they have in files.
func (p *palette) fields() map[string]*string {
	return map[string]*string{
		"text": &p.text, "muted": &p.muted, "faint": &p.faint, "accent": &p.accent, "border": &p.border, "title": &p.title,
		"ok": &p.ok, "busy": &p.busy, "warn": &p.warn, "bad": &p.bad,
		"waterTop": &p.waterTop, "waterDeep": &p.waterDeep, "bubble": &p.bubble, "surface": &p.surface, "backdrop": &p.backdrop,
	}
}

// Colours are the names of what a theme can colour, in order.
func Colours() []string {
	return []string{
		"text", "muted", "faint", "accent", "border", "title", "ok", "busy", "warn", "bad",
		"waterTop", "waterDeep", "bubble", "surface", "backdrop",
	}
}

var hex = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

func isColour(s string) bool {
	if n, err := strconv.Atoi(s); err == nil {
		return n >= 0 && n <= 255
	}
	return s == "" || hex.MatchString(s)
}

// Read reads a theme of the user's own out of a file. Everything that is wrong is told,
// each with its line.
func Read(file, name string, data []byte) (*Own, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	o := &Own{Name: name, base: Dark}
	var problems []error
	wrong := func(n *yaml.Node, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s:%d: %s", file, n.Line, fmt.Sprintf(format, args...)))
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:1: a theme has names and colours, such as \"accent: '#67c8e8'\"", file)
	}
	entries := document.Content[0].Content
	bases := Names()[1:]
	for i := 0; i+1 < len(entries); i += 2 { // the base comes before the colours, wherever it stands
		if key, value := entries[i], entries[i+1]; key.Value == "base" {
			if o.base = value.Value; !slices.Contains(bases, o.base) {
				wrong(value, "there is no theme %q to begin with; there are %s", value.Value, strings.Join(bases, ", "))
				o.base = Dark
			}
		}
	}
	o.palette = palettes()[o.base]
	fields, seen := o.palette.fields(), map[string]bool{}
	for i := 0; i+1 < len(entries); i += 2 {
		key, value := entries[i], entries[i+1]
		field, known := fields[key.Value]
		switch {
		case seen[key.Value]:
			wrong(key, "%q is there twice: leave one out", key.Value)
		case key.Value == "base":
		case !known:
			wrong(key, "there is no colour %q; there are base, %s", key.Value, strings.Join(Colours(), ", "))
		case value.Kind != yaml.ScalarNode || !isColour(value.Value):
			wrong(value, "%q is no colour: write '#rrggbb', a number of the terminal's palette from 0 to 255, or '' for the terminal's own", value.Value)
		default:
			*field = value.Value
		}
		seen[key.Value] = true
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return o, nil
}
