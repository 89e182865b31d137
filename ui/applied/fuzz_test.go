package applied

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FuzzOf reads objects whose annotation and managed fields are anybody's: whoever may write
// an object may write these.
func FuzzOf(f *testing.F) {
	f.Add(`{"spec":{"replicas":3}}`, `{"f:spec":{"f:replicas":{}}}`, `{"replicas":4,"list":[{"name":"a"},1]}`, true)
	f.Add(`[]`, `{"f:metadata":{"f:labels":{"k:{\"name\":1}":{},"v:[":{},"i:-1":{}}}}`, `null`, false)
	f.Add(`{"spec":{"list":[{"name":null},{"name":{}}]}}`, `{".":{}}`, `{"list":{"name":[]}}`, true)
	f.Fuzz(func(t *testing.T, applied, fields, spec string, annotated bool) {
		var set, body any
		if json.Unmarshal([]byte(fields), &set) != nil || json.Unmarshal([]byte(spec), &body) != nil {
			return
		}
		metadata := map[string]any{"managedFields": []any{
			map[string]any{"manager": "a", "operation": "Apply", "time": "2026-11-20T22:00:00Z", "fieldsV1": set},
			map[string]any{"manager": "b", "operation": "Update", "fieldsV1": set},
		}}
		if annotated {
			metadata["annotations"] = map[string]any{"kubectl.kubernetes.io/last-applied-configuration": applied}
		}
		r, err := Of(&unstructured.Unstructured{Object: map[string]any{"metadata": metadata, "spec": body}})
		if err == nil && annotated && (r.By != "kubectl apply" || r.Was == "") {
			t.Errorf("%s: %+v", applied, r)
		}
	})
}
