package controlplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/api/legacyscheme"

	"kubarium/cluster/trace"
)

// Bounds of what is told of one write.
const (
	maxChanges = 20
	maxChange  = 200
)

// decodeValue returns what lies under a key: at the storage version, as JSON would
// have it. Secrets' contents stay out of it.
func decodeValue(value []byte) (*unstructured.Unstructured, error) {
	if bytes.HasPrefix(value, []byte("k8s:enc:")) {
		return nil, fmt.Errorf("the value is encrypted")
	}
	if bytes.HasPrefix(value, []byte("{")) {
		// Custom resources, of which no scheme knows.
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(value, &u.Object); err != nil {
			return nil, fmt.Errorf("decode JSON value: %w", err)
		}
		return redact(u), nil
	}
	object, kind, err := legacyscheme.Codecs.UniversalDeserializer().Decode(value, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert value: %w", err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(*kind)
	return redact(u), nil
}

// redact replaces a Secret's values by their sizes: a trace is shown and passed on.
func redact(u *unstructured.Unstructured) *unstructured.Unstructured {
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

// describeWrite completes an etcd event with the decoded object, and what changed.
func describeWrite(event *trace.Event, before, after []byte) {
	var was, is *unstructured.Unstructured
	var err error
	if len(before) > 0 {
		if was, err = decodeValue(before); err != nil {
			event.Detail += ", " + err.Error()
			return
		}
	}
	if len(after) > 0 {
		if is, err = decodeValue(after); err != nil {
			event.Detail += ", " + err.Error()
			return
		}
	}
	shown := is
	if shown == nil {
		shown = was
	}
	if shown == nil {
		return
	}
	kind := shown.GroupVersionKind()
	event.Object.Group, event.Object.Version, event.Object.Kind = kind.Group, kind.Version, kind.Kind
	event.Object.Namespace, event.Object.Name, event.Object.UID = shown.GetNamespace(), shown.GetName(), string(shown.GetUID())
	for i, owner := range shown.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller || i == 0 {
			event.Fields["ownerUID"], event.Fields["owner"] = string(owner.UID), owner.Kind+"/"+owner.Name
		}
	}
	tellFacts(event.Fields, shown)
	if was == nil || is == nil {
		return
	}
	changes := diff("", was.Object, is.Object, nil)
	event.Fields["diff"] = strings.Join(changes, "\n")
	event.Detail += ": " + strings.Join(changes, "; ")
}

// tellFacts keeps of an object what joins it to others, and what people ask first.
func tellFacts(fields map[string]string, o *unstructured.Unstructured) {
	text := func(field string, path ...string) {
		if value, found, _ := unstructured.NestedString(o.Object, path...); found && value != "" {
			fields[field] = value
		}
	}
	switch o.GetKind() {
	case "Event":
		text("regarding", "involvedObject", "uid")
		text("reason", "reason")
		text("note", "message")
	case "Pod":
		text("nodeName", "spec", "nodeName")
		text("phase", "status", "phase")
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range conditions {
			if condition, ok := c.(map[string]any); ok && condition["type"] == "Ready" {
				fields["ready"] = fmt.Sprint(condition["status"])
			}
		}
	case "EndpointSlice":
		endpoints, _, _ := unstructured.NestedSlice(o.Object, "endpoints")
		var targets []string
		for _, e := range endpoints {
			if endpoint, ok := e.(map[string]any); ok {
				if uid, found, _ := unstructured.NestedString(endpoint, "targetRef", "uid"); found {
					targets = append(targets, uid)
				}
			}
		}
		fields["targets"] = strings.Join(targets, ",")
	}
}

// diff lists the leaves that differ, as "path: old -> new". managedFields only say who
// wrote the others.
func diff(path string, was, is any, changes []string) []string {
	if len(changes) > maxChanges || path == ".metadata.managedFields" || reflect.DeepEqual(was, is) {
		return changes
	}
	if len(changes) == maxChanges {
		return append(changes, "and more")
	}
	wasMap, ok1 := was.(map[string]any)
	isMap, ok2 := is.(map[string]any)
	if !ok1 || !ok2 {
		return append(changes, fmt.Sprintf("%s: %s -> %s", path, short(was), short(is)))
	}
	keys := maps.Clone(wasMap)
	maps.Copy(keys, isMap)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		changes = diff(path+"."+key, wasMap[key], isMap[key], changes)
	}
	return changes
}

func short(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	s := strings.ToValidUTF8(string(data), "?")
	if value == nil {
		return "(none)"
	}
	if len(s) > maxChange {
		s = strings.ToValidUTF8(s[:maxChange], "") + "..."
	}
	return s
}
