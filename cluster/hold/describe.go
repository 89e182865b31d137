package hold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// patchLimit is how much of a patch is shown.
const patchLimit = 160

// Describe says what the request would do, by its body: "bind web-1 to node-2".
func Describe(q Request, body []byte) string {
	what := q.Resource
	if q.Subresource != "" {
		what += "/" + q.Subresource
	}
	if q.Verb == "patch" && q.Resource == "secrets" {
		return "patch " + what + " " + q.Name
	}
	if q.Verb == "patch" {
		return fmt.Sprintf("patch %s %s: %s", what, q.Name, shorten(body))
	}
	object := decode(body)
	if object == nil || strings.HasPrefix(q.Verb, "delete") {
		return strings.TrimSpace(q.Verb + " " + what + " " + q.Name)
	}
	name := q.Name
	if accessor, err := meta.Accessor(object); err == nil {
		switch {
		case accessor.GetName() != "":
			name = accessor.GetName()
		case accessor.GetGenerateName() != "":
			name = accessor.GetGenerateName() + "*"
		}
	}
	told := fmt.Sprintf("%s %s %s", q.Verb, what, name)
	switch o := object.(type) {
	case *corev1.Binding:
		return fmt.Sprintf("bind %s to %s", name, o.Target.Name)
	case *corev1.Pod:
		if q.Subresource == "status" {
			return told + ": phase " + string(o.Status.Phase)
		}
		if len(o.Spec.Containers) > 0 {
			told += " of image " + o.Spec.Containers[0].Image
		}
	}
	if replicas, ok := replicasOf(object); ok {
		told += fmt.Sprintf(": %d replicas", replicas)
	}
	return told
}

// decode reads a body in any of the forms of the API: JSON, YAML, or binary for the kinds
// that client-go knows. nil is none of these.
func decode(body []byte) runtime.Object {
	if len(body) == 0 {
		return nil
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err == nil {
		return object
	}
	other := &unstructured.Unstructured{}
	if json.Unmarshal(body, &other.Object) == nil && len(other.Object) > 0 {
		return other
	}
	return nil
}

// replicasOf is how many replicas a workload asks for.
func replicasOf(object runtime.Object) (int64, bool) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return 0, false
	}
	replicas, found, err := unstructured.NestedInt64(content, "spec", "replicas")
	return replicas, found && err == nil
}

// shorten makes one line of a patch, and not a long one.
func shorten(patch []byte) string {
	var compact bytes.Buffer
	text := "binary"
	if json.Compact(&compact, patch) == nil {
		text = compact.String()
	}
	if runes := []rune(text); len(runes) > patchLimit {
		return string(runes[:patchLimit]) + "…"
	}
	return text
}
