package rewind

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// FuzzLoad looks for snapshot files that crash their reader, or are read as something that
// they do not hold.
func FuzzLoad(f *testing.F) {
	var good bytes.Buffer
	state := State{Keys: map[string]KV{"/registry/a": {Key: "/registry/a", Value: []byte("b")}}}
	if err := write(&good, Snapshot{Name: "a", Created: time.Unix(0, 0), Keys: 1}, state); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:good.Len()/2])
	f.Add([]byte{0x1f, 0x8b})
	f.Add([]byte("{}"))
	dir := Dir(f.TempDir())
	f.Fuzz(func(t *testing.T, data []byte) {
		path, err := dir.path("a")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, state, err := dir.Load("a")
		if err == nil && (s.Name != "a" || len(state.Keys) != s.Keys) {
			t.Errorf("%+v with %d keys", s, len(state.Keys))
		}
		if _, err := dir.List(); err != nil && s.Name != "" {
			t.Errorf("it can be loaded, and not listed: %v", err)
		}
	})
}

// FuzzName looks for names of snapshots that lead elsewhere.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "../a", "a/b", "", ".", "..", "a\x00", "A"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, err := Dir("/snapshots").path(name)
		if err == nil && path != "/snapshots/"+name+suffix {
			t.Errorf("%q leads to %s", name, path)
		}
		if err == nil && (name == "" || name[0] == '.' || bytes.ContainsAny([]byte(name), "/\x00")) {
			t.Errorf("%q is allowed", name)
		}
	})
}
