package settings

import (
	"strings"
	"testing"
)

// FuzzParse looks for settings that crash their reader, or whose faults are told without
// saying where.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "theme: dark", "theme: [", "keys: {table: {down: j}}", "a: &a [*a]", "keys: 1", "? {}\n: x", "theme: {a: b}\ntheme: c"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Parse("config.yaml", data, nil); err != nil && !strings.HasPrefix(err.Error(), "config.yaml:") {
			t.Errorf("%q is told without the file: %v", data, err)
		}
	})
}
