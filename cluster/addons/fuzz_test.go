package addons

import "testing"

// FuzzParse looks for manifests that crash their reader.
func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: ConfigMap\n---\n---\n{}"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte(`{"kind":"List","items":[1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := parse(data)
		if err != nil {
			return
		}
		for _, object := range objects {
			if len(object.Object) == 0 {
				t.Error("an object without content")
			}
		}
	})
}
