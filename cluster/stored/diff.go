package stored

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Bounds of what is told of one change.
const (
	maxChanges = 20
	maxChange  = 200
)

// Diff lists the leaves that differ, as "path: old -> new". managedFields only say who
// wrote the others.
func Diff(was, is *unstructured.Unstructured) []string { return diff("", was.Object, is.Object, nil) }

func diff(path string, was, is any, changes []string) []string {
	if len(changes) > maxChanges || path == ".metadata.managedFields" || reflect.DeepEqual(was, is) {
		return changes
	}
	if len(changes) == maxChanges {
		return append(changes, "and more")
	}
	wasList, ok1 := was.([]any)
	isList, ok2 := is.([]any)
	if ok1 && ok2 && len(wasList) == len(isList) {
		for i := range wasList {
			changes = diff(fmt.Sprintf("%s[%d]", path, i), wasList[i], isList[i], changes)
		}
		return changes
	}
	wasMap, ok1 := was.(map[string]any)
	isMap, ok2 := is.(map[string]any)
	if !ok1 || !ok2 {
		return append(changes, fmt.Sprintf("%s: %s -> %s", path, Short(was), Short(is)))
	}
	keys := maps.Clone(wasMap)
	maps.Copy(keys, isMap)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		changes = diff(path+"."+key, wasMap[key], isMap[key], changes)
	}
	return changes
}

// Short writes a value as JSON, of which a long one has only its beginning.
func Short(value any) string {
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
