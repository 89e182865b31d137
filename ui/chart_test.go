package ui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/ui/layout"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// find is the line and the column, in cells, of a text on the screen.
func (d *driver) find(text string) (x, y int) {
	d.t.Helper()
	for y, line := range strings.Split(d.screen(), "\n") {
		if before, _, ok := strings.Cut(line, text); ok {
			return len([]rune(before)), y
		}
	}
	d.t.Fatalf("%q is not on the screen:\n%s", text, d.screen())
	return 0, 0
}

func (d *driver) clickOn(text string) {
	d.t.Helper()
	x, y := d.find(text)
	d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
}

func plain(*Options) {}

func TestMapShowsWholeClusterAt100x30(t *testing.T) {
	d := busy(t, 100, 30, plain, "m")
	s := d.screen()
	for _, p := range d.app.ctx.Snapshot.Pods {
		before, after, _ := strings.Cut(p.Short, "…")
		if !strings.Contains(s, before[:min(4, len(before))]) || !strings.Contains(s, after) {
			t.Errorf("pod %s is not on the map:\n%s", p.Short, s)
		}
	}
	d.sees("restarting", "pulling", "not ready", "Evicted", "CrashLoopBackOff", "Completed", "4 pods wait")
	d.seesNot("NAMESPACE")
	d.press("m")
	d.sees("NAMESPACE")
}

func TestListKeysLeaveTheMap(t *testing.T) {
	d := busy(t, 100, 30, plain, "m", "3")
	d.sees("NAMESPACE")
	if d.app.focus != layout.Pods {
		t.Errorf("the focus is on %s", d.app.focus)
	}
}

func TestMapSelectsByMouse(t *testing.T) {
	d := busy(t, 100, 30, plain, "m")
	d.clickOn("search…do9k2")
	if ref, _ := d.app.tanks().Selected(); !strings.HasPrefix(ref.Name, "search") || ref.Namespace != "shop" {
		t.Errorf("a click on a pod selects %v", ref)
	}
	d.clickOn("too-big-2")
	if ref, _ := d.app.tanks().Selected(); ref.Name != "too-big-2" {
		t.Errorf("a click on a waiting pod selects %v", ref)
	}
	d.clickOn("node-3")
	if ref, _ := d.app.tanks().Selected(); ref.Kind != "Node" || ref.Name != "node-3" {
		t.Errorf("a click on a node selects %v", ref)
	}
}

func TestMapSelectsByMouseAmongOwners(t *testing.T) {
	d := busy(t, 100, 30, plain, "m", "o")
	x, y := d.find("cart            ◐")
	d.send(tea.MouseClickMsg{X: x + 16, Y: y, Button: tea.MouseLeft})
	if ref, _ := d.app.tanks().Selected(); !strings.HasPrefix(ref.Name, "cart-") {
		t.Errorf("a click on a pod of cart selects %v", ref)
	}
}

func TestMapKeysReachTheWaitingPods(t *testing.T) {
	d := busy(t, 100, 30, plain, "m", "up")
	if ref, _ := d.app.tanks().Selected(); ref.Name != "too-big-0" {
		t.Fatalf("up from a node selects %v", ref)
	}
	d.press("right")
	if ref, _ := d.app.tanks().Selected(); ref.Name != "too-big-1" {
		t.Errorf("right among waiting pods selects %v", ref)
	}
	d.press("down")
	if ref, _ := d.app.tanks().Selected(); ref.Kind != "Node" {
		t.Errorf("down from waiting pods selects %v", ref)
	}
}

func TestMapMarksThePodsOfAService(t *testing.T) {
	d := busy(t, 120, 40, plain, "m")
	d.seesNot("◂")
	for range 30 {
		d.press("v")
		if s := d.app.ctx.Service; s != nil && s.Object.Name == "cart" {
			break
		}
	}
	if n := strings.Count(d.screen(), "◂"); n != 4 {
		t.Errorf("%d pods are marked, cart has 4:\n%s", n, d.screen())
	}
	d.sees("┬ 1", "╮")
	// The service under the list's cursor is chosen while that has the focus.
	d.press("4", "down")
	if s := d.app.ctx.Service; s == nil || s.Object.Name == "cart" {
		t.Errorf("the list's cursor chooses %v", s)
	}
}

// TestMapDrawsTheLinesOfAllServices: each has a line with a letter, which its pods have, too, as long as the
// pods keep room for their names.
func TestMapDrawsTheLinesOfAllServices(t *testing.T) {
	d := busy(t, 100, 30, plain, "m", "v")
	d.sees("A web 80/TCP      ───────┬ 3 ──", "B cart 80/TCP", "C mail 80/TCP", "D payments 80/TCP", "E search 80/TCP", "F coredns 80/TCP  ─────",
		"● web…bm9k0                  A│", "restarting A│", "● coredns…bm9k0              F│", "◌ leaving         Terminating │")
	d.seesNot("◂", "more service")
	d.press("v")
	d.sees("◂")
	d.seesNot("A web 80/TCP")
	d.press("V", "V")
	d.seesNot(" web 80/TCP")

	// A service of another namespace has the same name, one selects the pods of others, too, and one nothing.
	var pod *corev1.Pod
	list := uitest.Busy(moment())
	for _, o := range list {
		if p, ok := o.(*corev1.Pod); ok && strings.HasPrefix(p.Name, "web-") && strings.HasSuffix(p.Name, "bm9k0") {
			pod = p
		}
	}
	selector := map[string]string{"app": "x"}
	for _, s := range []*corev1.Service{
		{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: "all"}, Spec: corev1.ServiceSpec{Selector: selector}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "aaa", Name: "web"}, Spec: corev1.ServiceSpec{Selector: selector}},
	} {
		list = append(list, s)
	}
	list = append(list, &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: "all-1", Labels: map[string]string{discoveryv1.LabelServiceName: "all"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.1.9"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}}},
	})
	d = busy(t, 120, 40, plain, "m", "v")
	d.send(watch.SnapshotMsg{Snapshot: watch.New(list...)})
	d.sees("A aaa/web  ", "leads to no pod", "B all  ", "C default/web 80/TCP", "● web…bm9k0                        BC│")

	// Without room they are counted.
	d = busy(t, 80, 24, plain, "m", "v")
	d.sees("C mail 80/TCP", "3 more services lead to 9 pods  v shows one after the other", "● search…ep9k3         ")
	d.press("m")
	d.sees("B cart 80/TCP", "4 more services lead to 12 pods")
	d = busy(t, 200, 60, plain, "m", "v")
	d.send(watch.SnapshotMsg{Snapshot: watch.New(append(crowd(500, 5000), list...)...)})
	d.sees("8 services lead to")
}

// TestTheLessonDoesNotHideTheWayBack: where it covers the cluster, a key leads back that the bar always has, and
// that of the map shows the map.
func TestTheLessonDoesNotHideTheWayBack(t *testing.T) {
	d := up(t, 80, 24, func(o *Options) { o.Lessons = &uitest.Panel{} })
	d.press("L")
	d.sees("Your first pod", "L the cluster")
	d.press("m")
	d.sees("node-1", "o owners")
	d.seesNot("Your first pod")
	d.press("L", "m")
	d.sees("node-1", "o owners")
	d.press("L", "L")
	d.sees("node-1")
	d.seesNot("Your first pod", "L the cluster")
}

func TestMapCountsWhatIsTooMuchToDraw(t *testing.T) {
	d := busy(t, 200, 60, plain, "m")
	d.send(watch.SnapshotMsg{Snapshot: watch.New(crowd(500, 5000)...)})
	d.sees("500", "node-42", "running", "failing")
	d.clickOn("node-42 ")
	if ref, _ := d.app.tanks().Selected(); ref.Name != "node-42" {
		t.Errorf("a click on a node's line selects %v", ref)
	}
	d.press("down")
	if ref, _ := d.app.tanks().Selected(); ref.Name == "node-42" || ref.Kind != "Node" {
		t.Errorf("down selects %v", ref)
	}
}

func TestMapMovesOnlyWhileSomethingChanges(t *testing.T) {
	calm := func() []runtime.Object {
		var list []runtime.Object
		for _, o := range uitest.Busy(moment()) {
			if p, ok := o.(*corev1.Pod); !ok || p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil && p.Status.ContainerStatuses[0].Ready {
				list = append(list, o)
			}
		}
		return list
	}
	for _, still := range []bool{false, true} {
		d := up(t, 100, 30, func(o *Options) { o.NoMotion = still })
		d.send(watch.SnapshotMsg{Snapshot: watch.New(calm()...)})
		d.clock = moment().Add(time.Hour)
		d.send(watch.SnapshotMsg{Snapshot: d.app.ctx.Snapshot})
		if d.app.pace() != tickIdle {
			t.Fatalf("an idle cluster is drawn every %s", d.app.pace())
		}
		list := calm()
		for _, o := range list {
			if p, ok := o.(*corev1.Pod); ok {
				p.Status.Phase, p.Status.ContainerStatuses[0].State = corev1.PodFailed, corev1.ContainerState{}
				break
			}
		}
		before := d.screen()
		d.send(watch.SnapshotMsg{Snapshot: watch.New(list...)})
		if moves := d.app.pace() == tickMotion; moves == still {
			t.Errorf("with NoMotion %t, after a change the screen is drawn every %s", still, d.app.pace())
		}
		d.clock = d.clock.Add(time.Minute)
		d.send(componentsMsg(uitest.Components()))
		if d.app.pace() != tickIdle {
			t.Errorf("a minute after a change the screen is drawn every %s", d.app.pace())
		}
		if d.screen() == before {
			t.Error("the change is not to be seen")
		}
	}
}

func TestArrivalsAreShownInMotion(t *testing.T) {
	for _, still := range []bool{false, true} {
		d := busy(t, 120, 40, func(o *Options) { o.NoMotion = still }, "m")
		list := uitest.Busy(moment())
		for _, o := range list {
			if p, ok := o.(*corev1.Pod); ok && p.Status.Phase == corev1.PodRunning && p.Status.ContainerStatuses[0].Ready && p.DeletionTimestamp == nil {
				fresh := p.DeepCopy()
				fresh.Name, fresh.UID, fresh.Labels, fresh.Spec.NodeName = "fresh", "fresh", nil, "node-1"
				list = append(list, fresh)
				break
			}
		}
		d.send(watch.SnapshotMsg{Snapshot: watch.New(list...)})
		if still {
			d.sees("● fresh")
			continue
		}
		d.sees("· fresh")
		d.clock = d.clock.Add(2 * time.Second)
		d.send(componentsMsg(uitest.Components()))
		d.sees("● fresh")
	}
}
