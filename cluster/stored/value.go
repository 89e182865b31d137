// Package stored reads what the API server keeps in etcd: keys, and values as objects.
package stored

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// ErrEncrypted is what decoding an encrypted value fails with.
var ErrEncrypted = errors.New("the value is encrypted")

// Decode returns what lies under a key: at the storage version, as JSON would have it.
// Secrets' contents stay out of it.
func Decode(value []byte) (*unstructured.Unstructured, error) {
	if bytes.HasPrefix(value, []byte("k8s:enc:")) {
		return nil, ErrEncrypted
	}
	if bytes.HasPrefix(value, []byte("{")) {
		// Custom resources, of which no scheme knows.
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(value, &u.Object); err != nil {
			return nil, fmt.Errorf("decode JSON value: %w", err)
		}
		return Redact(u), nil
	}
	object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(value, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert value: %w", err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(*kind)
	return Redact(u), nil
}

// Redact replaces a Secret's values by their sizes: what is seen is shown and passed on.
func Redact(u *unstructured.Unstructured) *unstructured.Unstructured {
	if u.GetKind() != "Secret" || u.GroupVersionKind().Group != "" {
		return u
	}
	for _, field := range []string{"data", "stringData"} {
		if data, ok := u.Object[field].(map[string]any); ok {
			for key, value := range data {
				data[key] = fmt.Sprintf("(%d characters)", len(fmt.Sprint(value)))
			}
		}
	}
	// kubectl apply keeps the whole object here.
	annotations := u.GetAnnotations()
	if _, applied := annotations["kubectl.kubernetes.io/last-applied-configuration"]; applied {
		delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
		u.SetAnnotations(annotations)
	}
	return u
}
