package ui

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/watch"
)

// anEvent is one about an object in the namespace shop.
func anEvent(apiVersion, kind, name, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name + ".1", Namespace: "shop", UID: "1", CreationTimestamp: metav1.NewTime(moment())},
		InvolvedObject: corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: "shop", Name: name},
		Type:           "Normal", Reason: "Told", Message: message,
	}
}

// TestEventsOpenTheirObjects: an object is found by its kind and group, as tables have them.
func TestEventsOpenTheirObjects(t *testing.T) {
	for _, c := range []struct{ apiVersion, kind, want string }{
		{"autoscaling/v2", "HorizontalPodAutoscaler", "HorizontalPodAutoscaler.autoscaling"},
		{"networking.k8s.io/v1", "Ingress", "Ingress.networking.k8s.io"},
		{"apps/v1", "Deployment", "Deployment"}, {"v1", "Pod", "Pod"}, {"", "Pod", "Pod"},
	} {
		d := up(t, 120, 40)
		d.send(watch.SnapshotMsg{Snapshot: watch.New(anEvent(c.apiVersion, c.kind, "web", "told"))})
		d.press("5", "enter")
		if v := d.detail(); v == nil || v.Ref() != (watch.Ref{Kind: c.want, Namespace: "shop", Name: "web"}) {
			t.Errorf("an event of %s %s does not open %s:\n%s", c.apiVersion, c.kind, c.want, d.screen())
		}
	}
}
