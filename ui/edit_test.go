package ui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

func anObject(version string, replicas int64, labels map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "StatefulSet",
		"metadata": map[string]any{"name": "db", "namespace": "shop", "resourceVersion": version, "labels": labels, "managedFields": []any{map[string]any{"manager": "kubectl"}}},
		"spec":     map[string]any{"replicas": replicas, "serviceName": "db"},
		"status":   map[string]any{"readyReplicas": int64(1)},
	}}
}

// editing is a driver that writes on an object.
func editing(t *testing.T, w, h int, change ...func(*Options)) *driver {
	d := up(t, w, h, change...)
	d.fake.object = anObject("7", 1, map[string]any{"app": "db"})
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "StatefulSet", Namespace: "shop", Name: "db"}, Tab: pane.YAML})
	d.press("e")
	return d
}

func TestEdit(t *testing.T) {
	d := editing(t, 100, 40)
	d.sees("apiVersion: apps/v1", "replicas: 1", "ctrl+s check")
	d.seesNot("readyReplicas", "managedFields")
	d.press("ctrl+s")
	d.sees("nothing is changed yet")

	// Keys are text: none of them is a command.
	toEnd(d, "replicas: 1")
	d.write("0q?")
	d.sees("replicas: 10q?")
	d.press("ctrl+s")
	if d.fake.object.GetResourceVersion() != "7" || len(d.app.dialogs) > 0 || d.quit {
		t.Fatal("a key was more than text")
	}
	d.press("esc")
	if !d.detail().Typing() {
		// The fake server took it; the review is left for the text.
		d.press("esc")
	}
	d.press("backspace", "backspace")

	d.fake.refusal = apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, "db", field.ErrorList{
		field.Invalid(field.NewPath("spec", "replicas"), 10, "must be small"),
	})
	d.press("ctrl+s")
	d.sees("line 10: spec.replicas: Invalid value: 10: must be small")
	d.fake.refusal = apierrors.NewBadRequest(`StatefulSet in version "v1" cannot be handled as a StatefulSet: strict decoding error: unknown field "spec.serviceName"`)
	d.press("ctrl+s")
	d.sees("line 11:", "unknown field")

	d.fake.refusal = nil
	d.press("ctrl+s")
	d.sees("The server accepts it", "-  replicas: 1", "+  replicas: 10")
	if got := replicas(t, d.fake.object); got != 1 {
		t.Errorf("a dry run has changed it to %d", got)
	}
	d.press("enter")
	if got := replicas(t, d.fake.object); got != 10 {
		t.Errorf("%d replicas", got)
	}
	if status, _, _ := unstructured.NestedInt64(d.fake.object.Object, "status", "readyReplicas"); status != 1 {
		t.Error("what was not shown is lost")
	}
	d.sees("replicas: 10", "statefulset/db changed")
}

// TestEditByMouse puts the cursor where it is clicked, and moves it with the wheel.
func TestEditByMouse(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		d := editing(t, size[0], size[1])
		x, y := d.find("replicas: 1")
		d.send(tea.MouseClickMsg{X: x + len("replicas: "), Y: y, Button: tea.MouseLeft})
		d.write("4")
		d.sees("replicas: 41")
		d.send(tea.MouseClickMsg{X: size[0] - 5, Y: y, Button: tea.MouseLeft})
		d.write("2")
		d.sees("replicas: 412")
		x, y = d.find("apiVersion")
		d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
		d.clock = d.clock.Add(time.Second)
		d.send(tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelDown})
		d.write("#")
		d.sees("#  labels:")
	}
}

// TestEditExplains says what the field is for in which one writes.
func TestEditExplains(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		d := editing(t, size[0], size[1])
		d.press("f1")
		d.sees("explain apiVersion", "What it is for", "apiVersion: apps/v1", "ctrl+s check")
		d.press("down")
		d.sees("explain kind", "FIELD: kind")
		x, y := d.find("name: db")
		d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
		d.sees("explain metadata.name", "FIELD: metadata.name")
		d.press("f1")
		d.seesNot("What it is for")
	}
}

// TestEditKeepsColumns: where lines are numbered with one digit and with two, the same
// indentation stands in the same column.
func TestEditKeepsColumns(t *testing.T) {
	d := editing(t, 100, 40)
	above, first := d.find("kind: StatefulSet")
	below, second := d.find("spec:")
	if under, third := d.find("serviceName:"); under != below+2 || above != below || third-first < 9 {
		t.Errorf("columns %d, %d, %d in lines %d, %d, %d:\n%s", above, below, under, first, second, third, d.screen())
	}
}

// TestEditRefusesWhatItWouldCut: nothing of a long text may be lost by looking at it.
func TestEditRefusesWhatItWouldCut(t *testing.T) {
	d := up(t, 100, 40)
	open := func(lines int) {
		d.fake.object = anObject("7", 1, map[string]any{})
		d.fake.object.Object["data"] = map[string]any{"long": strings.Repeat("line\n", lines)}
		d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "StatefulSet", Namespace: "shop", Name: "db"}, Tab: pane.YAML})
		d.press("e")
	}
	open(9000)
	d.sees("ctrl+s check")
	d.press("esc", "esc")
	open(11000)
	d.sees("it is too long to be changed here: use kubectl edit")
	d.seesNot("ctrl+s check")
}

func TestEditConflict(t *testing.T) {
	d := editing(t, 100, 40)
	toEnd(d, "replicas: 1")
	d.write("0")
	d.fake.object = anObject("8", 1, map[string]any{"app": "db", "tier": "data"})
	d.fake.refusal = apierrors.NewConflict(schema.GroupResource{Group: "apps", Resource: "statefulsets"}, "db", nil)
	d.press("ctrl+s")
	d.sees("Somebody changed it", "+    tier: data", "put mine on top")
	d.fake.refusal = nil
	d.press("m", "ctrl+s")
	d.sees("The server accepts it", "+  replicas: 10")
	d.seesNot("-    tier")
	d.press("enter")
	if o := d.fake.object; replicas(t, o) != 10 || o.GetLabels()["tier"] != "data" || o.GetResourceVersion() != "8" {
		t.Errorf("it is %v", o.Object)
	}
}

func TestEditIsLeft(t *testing.T) {
	d := editing(t, 100, 40)
	d.press("esc")
	d.sees("i explain")
	d.press("e")
	toEnd(d, "replicas: 1")
	d.write("0")
	d.press("esc")
	d.sees("esc again throws your changes away")
	d.press("esc")
	d.sees("i explain", "replicas: 1")
	d.press("e")
	toEnd(d, "replicas: 1")
	d.write(": [")
	d.press("ctrl+s")
	d.sees("line 10:", "mapping values are not allowed")
}

func replicas(t *testing.T, o *unstructured.Unstructured) int64 {
	t.Helper()
	switch n := o.Object["spec"].(map[string]any)["replicas"].(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	default:
		t.Fatalf("replicas are %T", n)
	}
	return 0
}

// toEnd moves the editor's cursor from the text's beginning to the end of a line.
func toEnd(d *driver, text string) {
	d.t.Helper()
	for n, l := range strings.Split(d.screen(), "\n") {
		if strings.Contains(l, text) {
			for range n - firstLine {
				d.press("down")
			}
			d.press("end")
			return
		}
	}
	d.t.Fatalf("%q is not on the screen:\n%s", text, d.screen())
}

// firstLine is where on the screen the text begins.
const firstLine = 6

// TestEditFromAList edits an object of a list, and comes back to it.
func TestEditFromAList(t *testing.T) {
	d := up(t, 120, 40)
	d.fake.object = anObject("7", 1, nil)
	d.press("3", "e")
	d.sees("replicas: 1", "ctrl+s check")
	toEnd(d, "replicas: 1")
	d.write("0")
	d.press("ctrl+s")
	d.sees("The server accepts it", "+  replicas: 10")
	d.press("enter")
	d.sees("changed", "NAMESPACE")
	if got := replicas(t, d.fake.object); got != 10 || d.app.top() != nil {
		t.Errorf("%d replicas, %T on the screen", got, d.app.top())
	}
	d.press("e", "esc")
	if d.app.top() != nil {
		t.Errorf("%T is left on the screen", d.app.top())
	}
}

// driftedObject was applied, and then scaled.
func driftedObject() *unstructured.Unstructured {
	o := anObject("7", 5, nil)
	o.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db","namespace":"shop"},"spec":{"replicas":3,"serviceName":"db"}}`})
	at := metav1.NewTime(moment().Add(-time.Hour))
	o.SetManagedFields([]metav1.ManagedFieldsEntry{
		{Manager: "kubectl-client-side-apply", Operation: metav1.ManagedFieldsOperationUpdate, Time: &at, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:serviceName":{}}}`)},
		{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationUpdate, Subresource: "scale", Time: &at, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:replicas":{}}}`)},
	})
	return o
}

func TestAppliedAndNow(t *testing.T) {
	d := up(t, 120, 40)
	d.fake.object = driftedObject()
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "StatefulSet", Namespace: "shop", Name: "db"}, Tab: pane.YAML})
	d.press("D")
	d.sees("Applied by kubectl apply, 60m ago", "-  replicas: 3", "+  replicas: 5", "kubectl (scale), 60m ago", "spec.replicas: 5")
	d.seesNot("readyReplicas")
	d.press("D")
	d.sees("readyReplicas")
	d.fake.object = anObject("8", 5, nil)
	d.press("esc")
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "StatefulSet", Namespace: "shop", Name: "db"}, Tab: pane.YAML})
	d.press("D")
	d.sees("Nothing was applied")
}

// atLength is a refusal of some four hundred characters.
func atLength() error {
	return apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, "db", field.ErrorList{
		field.Invalid(field.NewPath("spec", "replicas"), 10, "must be small"),
		field.Forbidden(field.NewPath("spec", "serviceName"), "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"),
		field.Required(field.NewPath("spec", "template"), "the pods that it is to make must be told, with all of their containers, and with the labels by which it finds them again"),
	})
}

// TestARefusalStays: all that is wrong is told, until the text is checked again, and can be read again.
func TestARefusalStays(t *testing.T) {
	d := editing(t, 100, 40)
	toEnd(d, "replicas: 1")
	d.write("0")
	d.fake.refusal = atLength()
	d.press("ctrl+s")
	told := []string{"line 10: spec.replicas: Invalid value: 10: must be small", "line 11: spec.serviceName: Forbidden", "'minReadySeconds'", "spec.template: Required", "finds"}
	d.sees(told...)
	// What is under the mouse is what the eyes see.
	x, y := d.find("serviceName: db")
	d.send(tea.MouseClickMsg{X: x + len("serviceName: db"), Y: y, Button: tea.MouseLeft})
	d.write("2")
	d.sees(append(told, "serviceName: db2")...)
	d.press("esc")
	d.sees("esc again throws your changes away")
	d.press("left")
	d.sees(told...)
	d.fake.refusal = nil
	d.press("ctrl+s")
	d.sees("The server accepts it")
	d.seesNot("Forbidden")
	d.press("!")
	d.sees("statefulset/db not changed", "spec.replicas", "finds")
}

// atSomeLength is the documentation of a field that has many.
const atSomeLength = ` <Template>

DESCRIPTION:
    What the object is made after. It is copied when one is made, and a change of it
    later does nothing to those that are there already, unless somebody makes them anew.

FIELDS:
  first	<string> -required-
    The first of the fields that it has.

  second	<[]string>
    The second one, of which there may be several.

  third	<integer>
    The third one, which is a number.

  fourth	<boolean>
    The fourth one, which is true or is not.

  last	<Object>
    The last one, which has fields of its own.
`

// TestExplanationIsReadToItsEnd: what has no room is below, where one reads and where one writes.
func TestExplanationIsReadToItsEnd(t *testing.T) {
	for _, start := range []string{"i", "f1"} {
		d := up(t, 90, 24)
		d.fake.documented, d.fake.object = atSomeLength, anObject("7", 1, nil)
		d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "StatefulSet", Namespace: "shop", Name: "db"}, Tab: pane.YAML})
		if start == "f1" {
			d.press("e")
		}
		d.press(start)
		d.sees("What the object is made after", "alt+↓ more")
		d.seesNot("which has fields of its own")
		d.press("alt+down", "alt+down", "alt+down", "alt+down", "alt+down", "alt+down")
		d.sees("which has fields of its own", "explain apiVersion")
		d.press("alt+up")
		d.seesNot("which has fields of its own")
		// Of another field one sees the beginning.
		d.press("alt+down", "down")
		d.sees("explain kind", "What the object is made after")
	}
}
