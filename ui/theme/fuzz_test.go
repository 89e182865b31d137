package theme

import "testing"

// FuzzRead reads themes of users, cut and bent: what is taken can be drawn with, and what is
// refused says where.
func FuzzRead(f *testing.F) {
	f.Add([]byte("base: light\naccent: '#67c8e8'\n"))
	f.Add([]byte("accent: 300\n"))
	f.Add([]byte("- a\n"))
	f.Add([]byte("? {a: b}\n: c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Read("mine.yaml", "mine", data)
		if (o == nil) == (err == nil) {
			t.Errorf("%v, %v", o, err)
		}
	})
}
