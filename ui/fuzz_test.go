package ui

import (
	"strings"
	"testing"

	"kubarium/ui/pane"
)

// FuzzParseMemory begins with what is left of what the app remembered.
func FuzzParseMemory(f *testing.F) {
	f.Add(Memory{Namespace: "shop", Filter: "web", Map: true}.Encode())
	f.Add([]byte(`{"namespace": 7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := ParseMemory(data)
		if again := ParseMemory(m.Encode()); string(again.Encode()) != string(m.Encode()) {
			t.Errorf("%+v is kept as %+v", m, again)
		}
	})
}

// FuzzForwardSpec reads what is typed after forward: what is taken can be listened on.
func FuzzForwardSpec(f *testing.F) {
	for _, line := range []string{"svc/web 8080:80", "web :80", "-n shop deploy/web 1:65536", "po/ 80", "a/b/c 1:2:3", "-n", "--", "x 00080"} {
		f.Add(line)
	}
	a := &App{ctx: &pane.Context{}}
	f.Fuzz(func(t *testing.T, line string) {
		spec, err := a.forwardSpec(strings.Fields(line))
		if err == nil && (spec.To.Name == "" || spec.To.Kind == "" || spec.Remote < 1 || spec.Remote > 65535 || spec.Local < 0 || spec.Local > 65535) {
			t.Errorf("%q is taken as %+v", line, spec)
		}
	})
}

// FuzzKeyNamed reads names of keys.
func FuzzKeyNamed(f *testing.F) {
	for _, name := range []string{"ctrl+alt+f12", "ctrl++", "+", "", "shift+é", "ctrl+ctrl+", "space"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if k, ok := keyNamed(name); ok && k.Code == 0 && k.Text == "" {
			t.Errorf("%q is the key of nothing", name)
		}
		_ = isDestination(name)
	})
}
