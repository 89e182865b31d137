package settings_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"kubarium/ui"
	"kubarium/ui/keys"
	"kubarium/ui/lesson"
	"kubarium/ui/settings"
)

func actions() []keys.Group { return append(ui.Actions(), lesson.Actions()...) }

func TestParse(t *testing.T) {
	s, err := settings.Parse("config.yaml", []byte("theme: light\nascii: true\nkeys:\n  delete: [ctrl+x, delete]\n  map: Q\n  power-cut: []\n"), actions())
	if err != nil {
		t.Fatal(err)
	}
	if s.Theme != "light" || !s.ASCII || s.NoMotion {
		t.Errorf("read %+v", s)
	}
	if !slices.Equal(s.Keys["delete"], []string{"ctrl+x", "delete"}) || !slices.Equal(s.Keys["map"], []string{"Q"}) {
		t.Errorf("keys %v", s.Keys)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "keys:\n  # nothing\n"} {
		if s, err := settings.Parse("f", []byte(text), actions()); err != nil || s.Theme != "auto" {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

// TestWrong checks that what is wrong is told with its line, and what to do.
func TestWrong(t *testing.T) {
	for text, want := range map[string]string{
		"theme: dark\nthem: dark\n":           `c.yaml:2: there is no setting "them"; there are theme`,
		"\ntheme: ../pink\n":                  `c.yaml:2: "../pink" is no name of a theme`,
		"ascii: perhaps\n":                    `c.yaml:1: "perhaps" is not true or false`,
		"theme: dark\ntheme: light\n":         `c.yaml:2: "theme" is there twice`,
		"keys:\n  delete: D\n  fly: f9\n":     `c.yaml:3: fly: there is no action "fly"; 'kubarium config' lists them`,
		"keys:\n  delete: [d]\n  edit: [d]\n": `c.yaml:3: edit: the key "d" is that of "delete" already`,
		"keys:\n  map: e\n":                   `c.yaml:2: map: the key "e" is that of "edit" already (`,
		"keys:\n  delete: m\n":                `c.yaml:2: delete: the key "m" is that of "map" already (everywhere)`,
		"keys:\n  map: shift+m\n":             `c.yaml:2: map: "shift+m" is no key: write the letter that it types, such as "M"`,
		"keys:\n  map: control+m\n":           `"control" is none of ctrl`,
		"keys:\n  map: ctrl+c\n":              "ctrl+c always quits",
		"keys:\n  map: return\n":              `"return" is no key: write what it types, or one of enter`,
		"keys:\n  map: {a: b}\n":              "c.yaml:2:",
		"keys: x\n":                           "c.yaml:1: keys has names and values",
		"- a\n":                               "c.yaml:1: the file has names and values",
		"theme: [\n":                          "c.yaml: line",
	} {
		_, err := settings.Parse("c.yaml", []byte(text), actions())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q says %v, not %q", text, err, want)
		}
	}
}

func TestSeveralAreTold(t *testing.T) {
	_, err := settings.Parse("c", []byte("a: 1\nb: 2\n"), nil)
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("told %v", err)
	}
}

// TestKeysCanBeSwapped: two actions may take each other's keys.
func TestKeysCanBeSwapped(t *testing.T) {
	if _, err := settings.Parse("c", []byte("keys:\n  map: t\n  theme: m\n"), ui.Actions()); err != nil {
		t.Error(err)
	}
}

// TestPrintIsRead checks that what is printed can be read again, and that all actions
// in it can be taken: their keys clash with nothing.
func TestPrintIsRead(t *testing.T) {
	s, err := settings.Parse("c", []byte("theme: light\nkeys:\n  filter: ['''', \"\\\\\"]\n"), actions())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := settings.Print(&b, "config.yaml", s, actions()); err != nil {
		t.Fatal(err)
	}
	again, err := settings.Parse("c", b.Bytes(), actions())
	if err != nil || again.Theme != "light" || !slices.Equal(again.Keys["filter"], s.Keys["filter"]) || len(again.Keys) != 1 {
		t.Errorf("read again: %+v, %v", again, err)
	}
	whole := strings.ReplaceAll(b.String(), "\n  # ", "\n  ")
	var lines []string
	for _, l := range strings.Split(whole, "\n") {
		if !strings.HasPrefix(l, "  ") || strings.Contains(l, ": [") {
			lines = append(lines, l)
		}
	}
	again, err = settings.Parse("c", []byte(strings.Join(lines, "\n")), actions())
	if err != nil || len(again.Keys) < 40 {
		t.Errorf("all actions: %d, %v", len(again.Keys), err)
	}
}
