// Package applied tells what differs in an object from what was applied to it, and who else
// has set its fields. All of it is in the object: in the annotation that kubectl apply
// leaves, and in its managedFields.
package applied

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"
)

// Report is what became of what was applied.
type Report struct {
	// By is how it was applied, At when; "" if nothing was.
	By string
	At time.Time
	// Was is what was applied, and Is what the same fields are now, as YAML.
	Was, Is string
	// Others are those who have set fields besides, the last one first.
	Others []Manager
}

// Manager is who has set fields.
type Manager struct {
	Name, Subresource string
	At                time.Time
	// Fields are their paths and what they are now, in order.
	Fields []string
}

// Of reads an object.
func Of(o *unstructured.Unstructured) (Report, error) {
	r := Report{}
	var appliers []metav1.ManagedFieldsEntry
	for _, e := range o.GetManagedFields() {
		if e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			appliers = append(appliers, e)
		}
	}
	switch text, annotated := o.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; {
	case annotated:
		if err := r.annotated(o, text); err != nil {
			return r, err
		}
	case len(appliers) > 0:
		if err := r.owned(o, appliers); err != nil {
			return r, err
		}
	}
	return r, r.others(o)
}

// annotated compares with the annotation of kubectl apply.
func (r *Report) annotated(o *unstructured.Unstructured, text string) error {
	r.By = "kubectl apply"
	for _, e := range o.GetManagedFields() {
		if e.Manager == clientSide && e.Time != nil {
			r.At = e.Time.Time
		}
	}
	was := map[string]any{}
	if err := json.Unmarshal([]byte(text), &was); err != nil {
		return fmt.Errorf("read annotation %s: %w", corev1.LastAppliedConfigAnnotation, err)
	}
	for _, field := range []string{"apiVersion", "kind", "status"} {
		delete(was, field)
	}
	return r.compare(was, same(was, o.Object))
}

const clientSide = "kubectl-client-side-apply"

// owned shows what was applied on the server's side. What somebody else has changed is no
// longer the applier's: the server keeps no copy, so that it differs in nothing.
func (r *Report) owned(o *unstructured.Unstructured, entries []metav1.ManagedFieldsEntry) error {
	var names []string
	is := map[string]any{}
	for _, e := range entries {
		names = append(names, e.Manager)
		if e.Time != nil && e.Time.After(r.At) {
			r.At = e.Time.Time
		}
		set, err := fields(e)
		if err != nil {
			return err
		}
		set.Leaves().Iterate(func(p fieldpath.Path) {
			if v, ok := lookup(o.Object, p); ok {
				put(is, p, v)
			}
		})
	}
	r.By = "server-side apply of " + strings.Join(names, ", ")
	return r.compare(is, is)
}

func (r *Report) compare(was, is any) (err error) {
	if r.Was, err = toYAML(was); err == nil {
		r.Is, err = toYAML(is)
	}
	return err
}

func toYAML(v any) (string, error) {
	text, err := yaml.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write YAML: %w", err)
	}
	return string(text), nil
}

// same is of now what has a place in was, so that the server's defaults make no difference.
func same(was, now any) any {
	switch was := was.(type) {
	case map[string]any:
		m, ok := now.(map[string]any)
		if !ok {
			return now
		}
		out := map[string]any{}
		for k, v := range was {
			n, there := m[k]
			switch {
			case there:
				out[k] = same(v, n)
			case empty(v):
				out[k] = v // the server leaves out what says nothing
			}
		}
		return out
	case []any:
		list, ok := now.([]any)
		if !ok {
			return now
		}
		var out []any
		for i, v := range was {
			if n, there := counterpart(v, i, list); there {
				out = append(out, same(v, n))
			}
		}
		for i, n := range list { // what was put in besides is a difference
			if _, there := counterpart(n, i, was); !there {
				out = append(out, n)
			}
		}
		return out
	}
	return now
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}

// counterpart finds an entry of a list in another one: by its name, if it has one.
func counterpart(v any, i int, list []any) (any, bool) {
	if m, ok := v.(map[string]any); ok {
		for _, key := range []string{"name", "containerPort", "port", "mountPath", "ip", "key", "type"} {
			id, has := m[key]
			if !has {
				continue
			}
			for _, n := range list {
				if o, ok := n.(map[string]any); ok && fmt.Sprint(o[key]) == fmt.Sprint(id) {
					return n, true
				}
			}
			return nil, false
		}
	}
	if i < len(list) {
		return list[i], true
	}
	return nil, false
}

// others are the fields that somebody else has set; what the status says is left out.
func (r *Report) others(o *unstructured.Unstructured) error {
	for _, e := range o.GetManagedFields() {
		if e.Subresource == "status" || e.Manager == clientSide || e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			continue
		}
		set, err := fields(e)
		if err != nil {
			return err
		}
		m := Manager{Name: e.Manager, Subresource: e.Subresource}
		if e.Time != nil {
			m.At = e.Time.Time
		}
		set.Leaves().Iterate(func(p fieldpath.Path) {
			if v, ok := lookup(o.Object, p); ok && !ours(p) {
				m.Fields = append(m.Fields, strings.TrimPrefix(p.String(), ".")+": "+short(v))
			}
		})
		sort.Strings(m.Fields)
		if len(m.Fields) > 0 {
			r.Others = append(r.Others, m)
		}
	}
	// Whoever made it has set most; what came after tells more.
	sort.SliceStable(r.Others, func(i, j int) bool { return r.Others[i].At.After(r.Others[j].At) })
	return nil
}

// ours reports whether a field is the annotation itself.
func ours(p fieldpath.Path) bool {
	return len(p) > 2 && p[2].FieldName != nil && *p[2].FieldName == corev1.LastAppliedConfigAnnotation
}

func short(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 120
	if r := []rune(string(text)); len(r) > most {
		return string(r[:most]) + "..."
	}
	return string(text)
}

func fields(e metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := &fieldpath.Set{}
	if e.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(bytes.NewReader(e.FieldsV1.Raw)); err != nil {
		return nil, fmt.Errorf("read managedFields of %s: %w", e.Manager, err)
	}
	return set, nil
}

// lookup finds what a path leads to.
func lookup(o any, path fieldpath.Path) (any, bool) {
	for _, e := range path {
		switch {
		case e.FieldName != nil:
			m, ok := o.(map[string]any)
			if !ok {
				return nil, false
			}
			if o, ok = m[*e.FieldName]; !ok {
				return nil, false
			}
		default:
			i := at(o, e)
			if i < 0 {
				return nil, false
			}
			o = o.([]any)[i]
		}
	}
	return o, true
}

// at is the place in a list that an element of a path means; -1 if there is none.
func at(o any, e fieldpath.PathElement) int {
	list, _ := o.([]any)
	for i, entry := range list {
		switch {
		case e.Index != nil:
			if i == *e.Index {
				return i
			}
		case e.Value != nil:
			if fmt.Sprint((*e.Value).Unstructured()) == fmt.Sprint(entry) {
				return i
			}
		case e.Key != nil:
			m, _ := entry.(map[string]any)
			fits := m != nil
			for _, k := range *e.Key {
				fits = fits && fmt.Sprint(m[k.Name]) == fmt.Sprint(k.Value.Unstructured())
			}
			if fits {
				return i
			}
		}
	}
	return -1
}

// put writes a value where a path leads, and makes what is on the way. Lists have their
// entries by the words of the path: only people read it.
func put(o map[string]any, path fieldpath.Path, v any) {
	for i, e := range path {
		name := e.String()
		if e.FieldName != nil {
			name = *e.FieldName
		}
		if i == len(path)-1 {
			if _, there := o[name]; !there {
				o[name] = v
			}
			return
		}
		next, ok := o[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			o[name] = next
		}
		o = next
	}
}
