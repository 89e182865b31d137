// Package summary says of an object what a learner asks: what it is, what it wants, what it
// has, what is wrong, and what to try next. It says only what the object itself and the
// snapshot of the cluster tell.
package summary

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"kubarium/ui/watch"
)

// Report is what there is to say of an object.
type Report struct {
	// What is what such an object is for; "" if only the server's documentation knows.
	What string
	// Wants is what was asked for, Has what there is.
	Wants, Has []string
	// Wrong is what keeps it from being what was asked for; none if nothing does.
	Wrong []Problem
}

// Problem is something that is wrong, and what to try next.
type Problem struct {
	Text string
	// Try are things to do; those that begin with "kubectl" can be typed as they are.
	Try []string
}

// maker gathers what is said of one object.
type maker struct {
	Report
	ref  watch.Ref
	seen *watch.Snapshot
}

func (m *maker) wants(format string, args ...any) {
	m.Wants = append(m.Wants, fmt.Sprintf(format, args...))
}

func (m *maker) has(format string, args ...any) {
	m.Has = append(m.Has, fmt.Sprintf(format, args...))
}

func (m *maker) wrong(text string, try ...string) {
	m.Wrong = append(m.Wrong, Problem{Text: text, Try: try})
}

// kubectl is a command about the object.
func (m *maker) kubectl(verb string, after ...string) string {
	words := append([]string{"kubectl", verb, m.ref.String()}, m.in()...)
	return strings.Join(append(words, after...), " ")
}

func (m *maker) in() []string {
	if m.ref.Namespace == "" {
		return nil
	}
	return []string{"-n", m.ref.Namespace}
}

// list is a command about objects in the same namespace.
func (m *maker) list(words ...string) string {
	return strings.Join(append(append([]string{"kubectl", "get"}, words...), m.in()...), " ")
}

// Of says what there is to say of an object.
func Of(ref watch.Ref, o runtime.Object, s *watch.Snapshot) Report {
	m := &maker{ref: ref, seen: s}
	switch o := typed(o).(type) {
	case *corev1.Pod:
		m.pod(o)
	case *appsv1.Deployment:
		m.deployment(o)
	case *appsv1.ReplicaSet:
		m.replicaSet(o)
	case *appsv1.StatefulSet:
		m.statefulSet(o)
	case *appsv1.DaemonSet:
		m.daemonSet(o)
	case *batchv1.Job:
		m.job(o)
	case *batchv1.CronJob:
		m.cronJob(o)
	case *corev1.Service:
		m.service(o)
	case *networkingv1.Ingress:
		m.ingress(o)
	case *corev1.Node:
		m.node(o)
	case *corev1.PersistentVolumeClaim:
		m.claim(o)
	case *unstructured.Unstructured:
		m.other(o)
	}
	m.events()
	return m.Report
}

// typed is an object of a kind that is known here, as that.
func typed(o runtime.Object) runtime.Object {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o
	}
	known, err := scheme.Scheme.New(u.GroupVersionKind())
	if err != nil {
		return o
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, known); err != nil {
		return o
	}
	switch known.(type) {
	case *corev1.Pod, *appsv1.Deployment, *appsv1.ReplicaSet, *appsv1.StatefulSet, *appsv1.DaemonSet, *batchv1.Job, *batchv1.CronJob,
		*corev1.Service, *networkingv1.Ingress, *corev1.Node, *corev1.PersistentVolumeClaim:
		return known
	}
	return o
}

// events adds the last warning about the object, if something is wrong that nobody has
// explained, or the object says nothing itself.
func (m *maker) events() {
	for _, e := range m.seen.EventsOf(m.ref) {
		said := slices.ContainsFunc(m.Wrong, func(p Problem) bool { return strings.Contains(p.Text, e.Message) })
		if e.Type == corev1.EventTypeWarning && !said && len(m.Wrong) > 0 {
			m.wrong(fmt.Sprintf("The last warning about it, %s: %s", e.Reason, e.Message))
			return
		}
	}
}

// other says of a kind that is not known here what its conditions say.
func (m *maker) other(u *unstructured.Unstructured) {
	for _, owner := range u.GetOwnerReferences() {
		m.has("an owner: %s/%s", strings.ToLower(owner.Kind), owner.Name)
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		c, ok := c.(map[string]any)
		if !ok {
			continue
		}
		text := func(key string) string { s, _ := c[key].(string); return s }
		m.has("condition %s: %s", text("type"), text("status"))
		switch text("type") {
		case "Ready", "Available", "Accepted", "Programmed", "Established", "Complete", "Synced", "ResolvedRefs":
			if text("status") == string(metav1.ConditionFalse) {
				m.wrong(strings.TrimSpace(fmt.Sprintf("It is not %s: %s %s", text("type"), text("reason"), text("message"))), m.kubectl("describe"))
			}
		}
	}
	if phase, ok, _ := unstructured.NestedString(u.Object, "status", "phase"); ok {
		m.has("phase %s", phase)
	}
	m.leaving(u.GetDeletionTimestamp(), u.GetFinalizers())
}

// leaving says what a deleted object waits for.
func (m *maker) leaving(deleted *metav1.Time, finalizers []string) {
	if deleted != nil && len(finalizers) > 0 {
		m.wrong("It was deleted, and stays until somebody has taken these finalizers away: "+strings.Join(finalizers, ", "),
			"see whether the controller behind each finalizer runs")
	}
}
