package ui

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"kubarium/ui/pane"
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

// TestEventsOfAnObjectAreAskedFor: what the snapshot no longer has is told, and nothing that nobody knows.
func TestEventsOfAnObjectAreAskedFor(t *testing.T) {
	web := watch.Ref{Kind: "HorizontalPodAutoscaler.autoscaling", Namespace: "shop", Name: "web"}
	open := func(d *driver) { d.send(pane.OpenMsg{Ref: web, Tab: pane.Events}) }
	d := up(t, 120, 40)
	open(d)
	d.sees("the API server has none about it")
	old := anEvent("autoscaling/v2", "HorizontalPodAutoscaler", "web", "it was long ago")
	d.fake.events = []*corev1.Event{old}
	open(d)
	d.sees("it was long ago")
	// What is followed is newer than what was listed.
	again := old.DeepCopy()
	again.Message, again.Count = "it was seen again", 2
	d.send(watch.SnapshotMsg{Snapshot: watch.New(again)})
	d.sees("(x2) it was seen again")
	d.seesNot("it was long ago")

	d = up(t, 120, 40)
	d.fake.failure = apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", nil)
	open(d)
	d.sees("events is forbidden")
	d.seesNot("none about it")
}

// TestEventsAreSelected: the API server is asked for those of the object only.
func TestEventsAreSelected(t *testing.T) {
	client := fake.NewClientset(anEvent("autoscaling/v2", "HorizontalPodAutoscaler", "web", "told"))
	b := &backend{client: client}
	list, err := b.Events(t.Context(), watch.Ref{Kind: "HorizontalPodAutoscaler.autoscaling", Namespace: "shop", Name: "web"})
	if err != nil || len(list) != 1 {
		t.Errorf("%d events, %v", len(list), err)
	}
	asked := client.Actions()[0].(clienttesting.ListActionImpl)
	want := "involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name=web,involvedObject.namespace=shop"
	if got := asked.GetListRestrictions().Fields.String(); got != want || asked.GetNamespace() != "shop" {
		t.Errorf("asks for %s in %s", got, asked.GetNamespace())
	}
}
