package ui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// following is a snapshot of objects as it follows another: what is as it was is the same.
func following(last *watch.Snapshot, objects []runtime.Object) *watch.Snapshot {
	next := watch.New(objects...)
	pods := map[*corev1.Pod]*facts.Pod{}
	for _, p := range last.Pods {
		pods[p.Object] = p
	}
	same := func(list []*facts.Pod) {
		for i, p := range list {
			if old := pods[p.Object]; old != nil {
				list[i] = old
			}
		}
	}
	same(next.Pods)
	same(next.Waiting)
	for i, n := range next.Nodes {
		same(n.Pods)
		if i < len(last.Nodes) && last.Nodes[i].Object == n.Object && slices.Equal(last.Nodes[i].Pods, n.Pods) {
			next.Nodes[i] = last.Nodes[i]
		}
	}
	return next
}

// change makes some pods others, takes some away and adds some.
func change(random *rand.Rand, objects []runtime.Object, serial int) []runtime.Object {
	objects = slices.Clone(objects)
	for range 1 + random.IntN(4) {
		i := random.IntN(len(objects))
		p, ok := objects[i].(*corev1.Pod)
		if !ok {
			continue
		}
		p = p.DeepCopy()
		switch random.IntN(4) {
		case 0:
			objects = slices.Delete(objects, i, i+1)
		case 1:
			p.Name, p.UID = fmt.Sprintf("pod-%05d-%d", random.IntN(500), serial), types.UID(fmt.Sprint("new-", serial))
			objects = append(objects, p)
		case 2:
			p.Spec.NodeName = ""
			objects[i] = p
		default:
			p.Status.Phase = []corev1.PodPhase{corev1.PodRunning, corev1.PodFailed, corev1.PodPending}[random.IntN(3)]
			objects[i] = p
		}
	}
	return objects
}

// TestStepsShowWhatAWholeLookDoes compares an app that has followed a cluster step by step
// with one that sees it for the first time.
func TestStepsShowWhatAWholeLookDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	begin := func() *App {
		a := New(Options{Cluster: uitest.New(moment(), ""), Theme: "dark", NoMotion: true})
		a.now = moment
		a.tick.off, a.booting = true, false
		a.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
		return a
	}
	follower, last := begin(), &watch.Snapshot{}
	for _, nodes := range []int{4, 80} { // as tanks, and as lines
		objects := crowd(nodes, 300)
		for step := range 60 {
			objects = change(random, objects, step)
			last = following(last, objects)
			namespace, text := "", ""
			if random.IntN(4) == 0 {
				namespace = "shop"
			}
			if random.IntN(3) == 0 {
				text = []string{"pod-001", "node-2", "Failed"}[random.IntN(3)]
			}
			follower.ctx.Namespace, follower.ctx.Text = namespace, text
			follower.Update(watch.SnapshotMsg{Snapshot: last})
			fresh := begin()
			fresh.ctx.Namespace, fresh.ctx.Text = namespace, text
			fresh.Update(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
			got, _ := follower.Render()
			want, _ := fresh.Render()
			if got != want {
				t.Fatalf("%d nodes, step %d, namespace %q, filter %q: it shows\n%s\nnot\n%s", nodes, step, namespace, text, got, want)
			}
		}
	}
}

// TestSelectionStaysWhileOthersComeAndGo has the cursor on a pod of a list that changes.
func TestSelectionStaysWhileOthersComeAndGo(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	d := up(t, 200, 60)
	objects := crowd(4, 300)
	d.send(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
	d.press("3")
	for range 60 {
		d.press("down")
	}
	ref, _ := d.app.picked()
	for step := range 200 {
		objects = change(random, objects, step)
		d.send(watch.SnapshotMsg{Snapshot: following(d.app.ctx.Snapshot, objects)})
		got, _ := d.app.picked()
		if got == ref {
			continue
		}
		if d.app.ctx.Snapshot.Pod(ref.Namespace, ref.Name) != nil {
			t.Fatalf("step %d: the cursor moved from %s to %s", step, ref, got)
		}
		ref = got // it is gone
	}
}

// TestFramesAreCheap bounds the memory that a large cluster takes each time: what is made
// anew for each pod, or worked out anew for each piece of text, was most of a frame's time,
// and what it leaves to collect takes the processor from keys.
func TestFramesAreCheap(t *testing.T) {
	a := New(Options{Cluster: uitest.New(moment(), ""), Theme: "dark", NoMotion: true})
	a.now = moment
	a.tick.off, a.booting = true, false
	a.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	objects := crowd(500, 5000)
	snapshots := []*watch.Snapshot{watch.New(objects...)}
	objects = change(rand.New(rand.NewPCG(7, 8)), objects, 0)
	snapshots = append(snapshots, following(snapshots[0], objects))
	a.Update(watch.SnapshotMsg{Snapshot: snapshots[0]})
	a.Update(keyPress("3"))
	n := 0
	for _, c := range []struct {
		what string
		most float64
		do   func()
	}{
		{"a snapshot in which a few pods are others", 100, func() { a.Update(watch.SnapshotMsg{Snapshot: snapshots[n%2]}) }},
		{"a key and its frame", 1000, func() {
			a.Update(keyPress([]string{"down", "up"}[n%2]))
			a.Render()
		}},
		{"a snapshot and its frame", 1500, func() {
			a.Update(watch.SnapshotMsg{Snapshot: snapshots[n%2]})
			a.Render()
		}},
	} {
		if got := testing.AllocsPerRun(20, func() { n++; c.do() }); got > c.most {
			t.Errorf("%s: %v allocations, more than %v", c.what, got, c.most)
		} else {
			t.Logf("%s: %v allocations", c.what, got)
		}
	}
}

// TestFramesOfKeysShowTheStateToo proves that no frame is drawn for a state that a key's frame has shown, that what came
// after that one waits its time, and that it is shown then.
func TestFramesOfKeysShowTheStateToo(t *testing.T) {
	a := New(Options{Cluster: uitest.New(moment(), ""), Theme: "dark"})
	now := moment()
	a.now = func() time.Time { return now }
	a.booting = false
	a.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	first := watch.New(uitest.Objects(moment())...)
	a.Update(watch.SnapshotMsg{Snapshot: first})
	a.View()
	begin := now
	step := func(at time.Duration, msg tea.Msg, drawn time.Duration, later bool) {
		t.Helper()
		now = begin.Add(at)
		a.Update(msg)
		a.View()
		if got := a.paint.drawn.Sub(begin); got != drawn {
			t.Errorf("after %T at %s the frame is of %s, want %s", msg, at, got, drawn)
		}
		if a.paint.later != later {
			t.Errorf("after %T at %s, another is to come: %t", msg, at, a.paint.later)
		}
	}
	ms := time.Millisecond
	step(10*ms, watch.SnapshotMsg{Snapshot: first}, 0, true)
	step(20*ms, tea.KeyPressMsg{Code: tea.KeyDown}, 20*ms, true)
	step(66*ms, drawMsg{}, 20*ms, false)
	step(70*ms, watch.SnapshotMsg{Snapshot: first}, 20*ms, true)
	step(80*ms, tea.KeyPressMsg{Code: tea.KeyDown}, 80*ms, true)
	step(81*ms, watch.SnapshotMsg{Snapshot: first}, 80*ms, true)
	step(86*ms, drawMsg{}, 80*ms, true)
	step(146*ms, drawMsg{}, 146*ms, false)
}
