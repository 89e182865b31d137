package stored

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzDecode looks for values in etcd that crash the tap, or whose secrets it tells.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"v1","kind":"Secret","data":{"a":"c2VjcmV0LXNlY3JldA=="}}`))
	f.Add([]byte("k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\x00\x1a\x00\"\x00"))
	f.Add([]byte(`{"kind":"Secret","data":[1],"metadata":{"annotations":7}}`))
	f.Add([]byte("k8s:enc:secretbox:v1:key1:..."))
	f.Fuzz(func(t *testing.T, value []byte) {
		u, err := Decode(value)
		if err != nil {
			return
		}
		if data, ok := u.Object["data"].(map[string]any); ok && u.GetKind() == "Secret" && u.GroupVersionKind().Group == "" {
			for key, v := range data {
				if !strings.HasSuffix(fmt.Sprint(v), " characters)") {
					t.Errorf("the Secret's %q is told: %v", key, v)
				}
			}
		}
	})
}
