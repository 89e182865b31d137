package ui

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/cluster/component"
	"kubarium/ui/uitest"
)

// withoutNode are the components of a cluster of which one node is switched off.
func withoutNode(n int) []component.Info {
	list := uitest.Components()
	for i := range list {
		if list[i].Name == fmt.Sprintf("node-%d", n) {
			list[i].State = component.Stopped
		}
	}
	return list
}

// notReady has the kubelet of a node say that it is not ready.
func notReady(objects []runtime.Object, name string) []runtime.Object {
	for _, o := range objects {
		n, ok := o.(*corev1.Node)
		if !ok || n.Name != name {
			continue
		}
		for i := range n.Status.Conditions {
			if c := &n.Status.Conditions[i]; c.Type == corev1.NodeReady {
				c.Status, c.Reason = corev1.ConditionFalse, "KubeletNotReady"
				c.Message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
			}
		}
	}
	return objects
}

// TestDryTanksAreClicked: what a click selects in a tank without water is what is drawn there.
func TestDryTanksAreClicked(t *testing.T) {
	for _, size := range [][2]int{{100, 30}, {120, 40}, {200, 60}} {
		d := up(t, size[0], size[1])
		d.send(componentsMsg(withoutNode(2)))
		d.press("m")
		d.sees("? unknown")
		d.clickOn("? typo")
		if ref, _ := d.app.tanks().Selected(); ref.Name != "typo" {
			t.Errorf("%v: the click selects %v", size, ref)
		}
	}
}
