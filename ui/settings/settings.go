// Package settings reads what a user wants of the app from a file: its look, and other
// keys. It reads no files itself.
package settings

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubarium/ui/keys"
	"kubarium/ui/theme"
)

// Settings are what the file says.
type Settings struct {
	Theme string `yaml:"theme"`
	// ThemeAt is where the file names the theme; "" if it does not.
	ThemeAt string `yaml:"-"`
	// OwnTheme is the theme, if the user has written it.
	OwnTheme *theme.Own `yaml:"-"`
	ASCII    bool       `yaml:"ascii"`
	NoMotion bool       `yaml:"noMotion"`
	// Plain is the app as lines of text.
	Plain bool       `yaml:"plain"`
	Keys  keys.Remap `yaml:"keys,omitempty"`
}

// themeName is what can be the name of a theme, and of the file of one.
var themeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62})$`)

// IsThemeName reports whether a theme can be called so.
func IsThemeName(s string) bool { return themeName.MatchString(s) }

// Defaults are the settings of a user who has no file.
func Defaults() Settings { return Settings{Theme: theme.Auto} }

// Parse reads the settings. The name is the file's, and groups are the actions that
// there are. Everything that is wrong is told, each with its line.
func Parse(name string, data []byte, groups []keys.Group) (Settings, error) {
	s := Defaults()
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return s, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(document.Content) == 0 {
		return s, nil
	}
	f := file{name: name, groups: groups}
	f.read(document.Content[0], &s)
	return s, errors.Join(f.problems...)
}

// file collects what is wrong in one.
type file struct {
	name     string
	groups   []keys.Group
	problems []error
}

func (f *file) wrong(n *yaml.Node, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.name, n.Line, fmt.Sprintf(format, args...)))
}

// entries calls each with the keys and values of a mapping.
func (f *file) entries(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		if n.Tag != "!!null" {
			f.wrong(n, "%s has names and values, such as \"theme: dark\"", what)
		}
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			f.wrong(key, "%q is there twice: leave one out", key.Value)
			continue
		}
		seen[key.Value] = true
		each(key, n.Content[i+1])
	}
}

func (f *file) read(n *yaml.Node, s *Settings) {
	f.entries(n, "the file", func(key, value *yaml.Node) {
		switch key.Value {
		case "theme":
			f.decode(value, &s.Theme, "the name of a theme")
			s.ThemeAt = fmt.Sprintf("%s:%d", f.name, value.Line)
			if !IsThemeName(s.Theme) {
				f.wrong(value, "%q is no name of a theme: those have small letters, digits and -", s.Theme)
			}
		case "ascii":
			f.decode(value, &s.ASCII, "true or false")
		case "noMotion":
			f.decode(value, &s.NoMotion, "true or false")
		case "plain":
			f.decode(value, &s.Plain, "true or false")
		case "keys":
			s.Keys = f.keys(value)
		default:
			f.wrong(key, "there is no setting %q; there are theme, ascii, noMotion, plain, keys", key.Value)
		}
	})
}

func (f *file) decode(n *yaml.Node, to any, want string) {
	if n.Decode(to) != nil {
		f.wrong(n, "%q is not %s", n.Value, want)
	}
}

// keys reads the keys of actions: one, or a list.
func (f *file) keys(n *yaml.Node) keys.Remap {
	remap, places := keys.Remap{}, map[string]*yaml.Node{}
	f.entries(n, "keys", func(key, value *yaml.Node) {
		var list []string
		if value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
			list = []string{value.Value}
		} else {
			f.decode(value, &list, "a list of keys")
		}
		remap[key.Value], places[key.Value] = list, key
	})
	for _, p := range remap.Check(f.groups) {
		f.wrong(places[p.Action], "%s: %s", p.Action, p.Text)
	}
	return remap
}
