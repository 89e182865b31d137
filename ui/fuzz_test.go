package ui

import "testing"

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
