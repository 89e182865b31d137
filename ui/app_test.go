package ui

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/ui/facts"
	"kubarium/ui/gauge"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

func TestBootEndsWhenNodesAreReady(t *testing.T) {
	d := newDriver(t, 120, 40)
	d.send(componentsMsg(booting()))
	d.sees("kube-apiserver", "1.32s", "4 of 9 ready")
	d.send(readyMsg{})
	d.sees("Control plane", "all nodes are Ready")
}

func TestFailedBootStaysUntilLeft(t *testing.T) {
	d := newDriver(t, 120, 40)
	list := booting()
	list[4].State, list[4].Message = component.Failed, "no certificate: run kubarium reset"
	d.send(componentsMsg(list))
	d.send(readyMsg{err: errors.New("gave up")})
	d.send(watch.SnapshotMsg{Snapshot: &watch.Snapshot{}})
	d.sees("no certificate: run kubarium reset", "gave up")
	d.press("enter")
	d.sees("Control plane")
}

func TestQuitAsksFirst(t *testing.T) {
	d := up(t, 120, 40)
	d.press("q", "esc")
	if d.quit {
		t.Fatal("left although the answer was no")
	}
	d.press("q", "y")
	if !d.quit {
		t.Fatal("did not leave")
	}
}

func TestCtrlCLeavesAtOnce(t *testing.T) {
	for _, prepare := range [][]string{{}, {"?"}, {"q"}, {"3", "enter"}} {
		d := up(t, 120, 40)
		d.press(prepare...)
		d.press("ctrl+c")
		if !d.quit {
			t.Errorf("ctrl+c after %v did not leave", prepare)
		}
	}
}

func TestCtrlCClearsWhatIsTyped(t *testing.T) {
	d := up(t, 120, 40)
	d.press(":")
	d.write("get po")
	d.press("ctrl+c")
	if d.quit {
		t.Fatal("left with half a command in the line")
	}
	d.seesNot("get po ")
	d.press("ctrl+c", "ctrl+c")
	if !d.quit {
		t.Fatal("did not leave")
	}
}

func TestFocusGoesRoundAndByDirection(t *testing.T) {
	d := up(t, 120, 40)
	want := []layout.Name{layout.Pods, layout.Services, layout.Events, layout.Components, layout.Tanks}
	for _, w := range want {
		d.press("tab")
		if d.app.focus != w {
			t.Fatalf("tab went to %s, not %s", d.app.focus, w)
		}
	}
	d.press("shift+tab")
	if d.app.focus != layout.Components {
		t.Fatalf("shift+tab went to %s", d.app.focus)
	}
	d.press("down")
	if d.app.focus != layout.Tanks {
		t.Fatalf("down from the components went to %s", d.app.focus)
	}
	d.press("3", "right")
	if d.app.focus != layout.Services {
		t.Fatalf("right from the pods went to %s", d.app.focus)
	}
	d.press("left")
	if d.app.focus != layout.Pods {
		t.Fatalf("left from the services went to %s", d.app.focus)
	}
}

func TestSelectionStaysOnItsPod(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "down", "down", "down")
	d.press("enter")
	name := d.detail().Ref().Name
	d.press("esc")

	objects := uitest.Objects(moment())
	kept := objects[:0]
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); !ok || p.Name != "leaving" && p.Name != "too-big" {
			kept = append(kept, o)
		}
	}
	d.send(watch.SnapshotMsg{Snapshot: watch.New(kept...)})
	d.press("enter")
	if got := d.detail().Ref().Name; got != name {
		t.Fatalf("the cursor moved from %s to %s when other pods went", name, got)
	}
}

func TestServicesTellWhereOnThisMachine(t *testing.T) {
	d := up(t, 200, 50)
	d.press("tab", "tab")
	d.seesNot("THIS MACHINE")
	var objects []runtime.Object
	for _, o := range uitest.Objects(moment()) {
		if s, ok := o.(*corev1.Service); ok && s.Name == "web" {
			s = s.DeepCopy()
			s.Annotations = map[string]string{"kubarium.dev/host": "127.0.0.1:8080, 127.0.0.1:8443"}
			o = s
		}
		objects = append(objects, o)
	}
	d.send(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
	d.sees("THIS MACHINE", " :8080, :8443")
}

func TestFilters(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "/")
	d.write("coredns")
	d.sees("2 of 13")
	d.press("enter")
	d.sees("filter /coredns")
	d.press("esc")
	d.seesNot("filter /coredns", "2 of 13")
	d.press("n", "down", "down", "down", "enter")
	d.sees("namespace shop", "4 of 13")
	d.seesNot("too-big ")
}

func TestFilterIsTypedNotObeyed(t *testing.T) {
	d := up(t, 120, 40)
	d.press("/")
	d.write("qqd?:")
	if d.quit || len(d.app.dialogs) > 0 || d.app.line.Open() {
		t.Fatal("a key of the filter did something else")
	}
	d.press("esc")
	if d.app.ctx.Text != "" {
		t.Fatal("esc kept the filter")
	}
}

func TestDeleteAsksThenDeletes(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "d", "n")
	if len(d.fake.deleted) != 0 {
		t.Fatal("deleted although the answer was no")
	}
	d.press("d", "y")
	if len(d.fake.deleted) != 1 || d.fake.deleted[0] != (watch.Ref{Kind: "Pod", Namespace: "default", Name: "leaving"}) {
		t.Fatalf("deleted %v", d.fake.deleted)
	}
	d.sees("pod/leaving deleted")
}

func TestFailureStaysUntilRead(t *testing.T) {
	d := up(t, 120, 40)
	d.fake.failure = errors.New("pods \"leaving\" is forbidden")
	d.press("3", "d", "y")
	d.sees("is forbidden")
	d.clock = d.clock.Add(time.Hour)
	d.send(watch.SnapshotMsg{Snapshot: watch.New(uitest.Objects(moment())...)})
	d.sees("is forbidden")
	d.press("enter")
	d.seesNot("is forbidden")
}

func TestDisabledKeySaysWhy(t *testing.T) {
	d := up(t, 120, 40)
	d.press("2", "d")
	d.sees("a node is stopped (s), not deleted")
	d.press("3", "enter", "T")
	d.sees("there is no shell here")
}

func TestNodeIsStoppedAfterAQuestion(t *testing.T) {
	d := up(t, 120, 40)
	d.press("2", "right", "s")
	d.sees("Stop node-2?")
	d.press("y")
	for _, c := range d.app.opts.Cluster.Components() {
		if c.Name == "node-2" && c.State != component.Stopped {
			t.Fatalf("node-2 is %s", c.State)
		}
	}
	d.send(componentsMsg(d.app.opts.Cluster.Components()))
	d.sees("switched off: s starts it")
}

func TestAPIServerAway(t *testing.T) {
	d := up(t, 120, 40)
	d.send(watch.DownMsg{Err: errors.New("refused")})
	d.sees("API server does not answer", "coredns")
	d.send(watch.UpMsg{})
	d.seesNot("API server does not answer")
}

// TestSummaryOfOtherKinds tells what the server says of a kind that is not known here.
func TestSummaryOfOtherKinds(t *testing.T) {
	d := up(t, 120, 40)
	d.fake.object = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Thing", "metadata": map[string]any{"name": "one", "namespace": "shop"},
		"status": map[string]any{"phase": "Odd", "conditions": []any{map[string]any{"type": "Ready", "status": "False", "reason": "Broken", "message": "a wheel is missing"}}},
	}}
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Thing.example.com", Namespace: "shop", Name: "one"}, Tab: pane.Summary})
	d.sees("A thing, as its maker documents it.", "phase Odd", "It is not Ready: Broken a wheel is missing", "kubectl describe thing.example.com/one -n shop")
}

func TestDetailTabs(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "down", "down", "down", "enter")
	d.sees("What it is", "web-5b978d69 keeps it", "container web of image kubarium/web:1.1", "the node node-1", "Nothing that it or the cluster tells")
	d.press("tab")
	d.sees("Describe", "Image:  kubarium/web:1.1", "on node-1")
	d.press("tab")
	d.sees("apiVersion: v1", "kind: Pod")
	d.press("tab")
	d.sees("hello from web-", "red", "the log ends here")
	d.press("tab")
	d.sees("No events")
	d.press("esc")
	d.sees("Control plane")
}

func TestDetailFollowsTheObject(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "down", "down", "down", "y")
	d.sees("apiVersion: v1")
	objects := uitest.Objects(moment())
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok && strings.HasSuffix(p.Name, "4kq9z") {
			p.ResourceVersion = "2000"
			p.Labels = map[string]string{"changed": "yes"}
		}
	}
	d.send(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
	d.sees("changed:")
	d.send(watch.SnapshotMsg{Snapshot: &watch.Snapshot{}})
	d.sees("gone", "changed:")
}

func TestCommandLine(t *testing.T) {
	p := &uitest.Panel{}
	d := up(t, 160, 40, func(o *Options) { o.Lessons = p })
	d.command("get nodes")
	d.sees("$ kubectl get nodes", "node-3   Ready")
	d.command("kubectl frobnicate")
	d.sees("exit code 1")
	d.press("up", "up")
	d.sees("get nodes")

	var ran []panel.CommandRanMsg
	for _, m := range p.Seen {
		if m, ok := m.(panel.CommandRanMsg); ok {
			ran = append(ran, m)
		}
	}
	if len(ran) != 2 || ran[0].Line != "kubectl get nodes" || ran[0].ExitCode != 0 ||
		!strings.Contains(ran[0].Output, "node-3") || ran[1].ExitCode != 1 {
		t.Fatalf("the panel was told %+v", ran)
	}
}

// TestTypeOut proves that a command of the panel's runs in the command line, where it is seen, and that the panel
// keeps the keys, and is told of the end, also when there is none.
func TestTypeOut(t *testing.T) {
	p := &uitest.Panel{}
	d := up(t, 160, 40, func(o *Options) { o.Lessons = p })
	d.press("L")
	d.send(panel.RunMsg{Command: "kubectl get nodes", Now: true})
	d.sees("$ kubectl get nodes", "node-3   Ready")
	if !p.HasFocus {
		t.Error("the panel lost the keys")
	}
	d.send(panel.RunMsg{Command: "kubectl get nodes | sort", Now: true})
	var ran []panel.CommandRanMsg
	for _, m := range p.Seen {
		if m, ok := m.(panel.CommandRanMsg); ok {
			ran = append(ran, m)
		}
	}
	if len(ran) != 2 || ran[0].ExitCode != 0 || !strings.Contains(ran[0].Output, "node-3") || ran[1].ExitCode != -1 || ran[1].Output == "" {
		t.Fatalf("the panel was told %+v", ran)
	}
}

func TestPanel(t *testing.T) {
	p := &uitest.Panel{}
	d := up(t, 100, 40, func(o *Options) { o.Lessons = p })
	d.seesNot("Lesson: Your first pod")
	d.press("L")
	d.sees("Lesson: Your first pod", "smallest thing")
	if !p.HasFocus {
		t.Fatal("the panel was not told of its focus")
	}
	d.press("r")
	d.sees(": kubectl get nodes")
	d.press("esc", "f2")
	d.sees("Control plane")
	if p.HasFocus {
		t.Fatal("the panel still thinks it has the focus")
	}
	d.send(tea.WindowSizeMsg{Width: 160, Height: 40})
	d.press("L")
	d.sees("Lesson: Your first pod", "Control plane")
	d.press("shift+tab")
	if p.HasFocus {
		t.Fatal("the panel kept the focus")
	}
	d.press("L")
	d.sees("Lesson: Your first pod")
	if !p.HasFocus {
		t.Fatal("the key did not lead to the panel that is shown")
	}

	config := &rest.Config{Host: "https://127.0.0.1:6443"}
	d.send(connectedMsg{config: config})
	d.send(watch.UpMsg{})
	n := 0
	for _, m := range p.Seen {
		if m, ok := m.(panel.ConnectedMsg); ok && m.Config == config {
			n++
		}
	}
	if n != 2 {
		t.Fatalf("the panel was told %d times that the API server answers", n)
	}
}

// TestPanelKeys gives the panel the keys that it says it has, also those that the app has.
func TestPanelKeys(t *testing.T) {
	p := &uitest.Panel{More: keys.Set{{Keys: []string{"1"}, Desc: "answer", Bar: true}, {Keys: []string{"t"}, Desc: "type it", Bar: true}}}
	d := up(t, 160, 40, func(o *Options) { o.Lessons = p })
	d.send(panel.FocusMsg{})
	before := d.app.ctx.Theme.Name
	for _, name := range []string{"1", "t"} {
		p.Seen = nil
		d.press(name)
		if k, ok := p.Seen[len(p.Seen)-1].(tea.KeyPressMsg); !ok || k.String() != name {
			t.Errorf("the panel did not get %q", name)
		}
	}
	if !p.HasFocus || d.app.ctx.Theme.Name != before {
		t.Errorf("the app took a key of the panel's: focus %v, theme %s", p.HasFocus, d.app.ctx.Theme.Name)
	}
	d.press("?")
	d.sees("show only what contains a text")
}

func TestMouse(t *testing.T) {
	d := up(t, 120, 40)
	pods := d.app.layout.Rect(layout.Pods)
	click := func(x, y int) {
		d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
	}
	click(pods.X+5, pods.Y+4)
	if d.app.focus != layout.Pods || d.app.top() != nil {
		t.Fatal("the first click is for the focus and the selection")
	}
	click(pods.X+5, pods.Y+4)
	if d.detail() == nil || d.detail().Ref().Name != "typo" {
		t.Fatal("the second click opens what was selected")
	}
	click(24, 1)
	d.sees("apiVersion")
}

// TestStorm throws keys, clicks, sizes and states at the app. It must not panic,
// and what it draws must fit.
func TestStorm(t *testing.T) {
	keys := []string{
		"tab", "shift+tab", "enter", "esc", "up", "down", "left", "right", "pgup", "pgdown", "1", "2", "3", "4", "5",
		"/", "a", ":", "n", "?", "L", "f2", "t", "y", "l", "d", "g", "G", "j", "k", "h", "w", "f", "c", "p", "s", "q", "x1", "m", "o", "v", "V",
	}
	random := rand.New(rand.NewPCG(1, 2))
	d := up(t, 120, 40, func(o *Options) { o.Lessons = &uitest.Panel{} })
	d.app.gauges = gauge.New(nil, nil, "")
	full := watch.New(uitest.Busy(moment())...)
	many := watch.New(crowd(60, 600)...)
	for i := range 3000 {
		switch random.IntN(12) {
		case 0:
			d.send(tea.WindowSizeMsg{Width: 1 + random.IntN(230), Height: 1 + random.IntN(80)})
		case 1:
			d.send(tea.MouseClickMsg{X: random.IntN(230), Y: random.IntN(80), Button: tea.MouseLeft})
		case 2:
			d.send(tea.MouseWheelMsg{X: random.IntN(230), Y: random.IntN(80), Button: tea.MouseWheelDown})
		case 3:
			d.send(watch.SnapshotMsg{Snapshot: []*watch.Snapshot{{}, many}[random.IntN(2)]})
			d.send(uitest.Report())
		case 4:
			d.send(watch.SnapshotMsg{Snapshot: full})
		default:
			k := keys[random.IntN(len(keys))]
			if k == "x1" {
				continue
			}
			d.press(k)
		}
		out, _ := d.app.Render()
		if d.app.w > 0 {
			checkSize(t, out, d.app.w, d.app.h)
		}
		if t.Failed() {
			t.Fatalf("after step %d at %dx%d", i, d.app.w, d.app.h)
		}
		d.app.quit = false
	}
}

// TestFreeze stops the world and lets it go on, by the same key.
func TestFreeze(t *testing.T) {
	d := up(t, 120, 40)
	d.seesNot("FROZEN")
	d.press("z")
	d.send(componentsMsg(d.app.opts.Cluster.Components()))
	d.sees("FROZEN", "z thaw", "frozen")
	d.press("z")
	d.send(componentsMsg(d.app.opts.Cluster.Components()))
	d.seesNot("FROZEN", "thaw ")
}

func TestTheStatusLineSaysWhatIsBrokenAndHeld(t *testing.T) {
	d := up(t, 160, 40)
	d.send(faultsMsg{{Order: fault.Order{Name: "node-kill", Target: "node-2"}}, {Order: fault.Order{Name: "dns-skew", Target: "web"}}})
	d.send(holdsMsg{Rules: []hold.Rule{{Name: "bindings"}}, Waiting: make([]hold.Waiting, 2)})
	d.sees("broken: dns-skew web and 1 more", "held: bindings (2 waiting)")
	d.send(faultsMsg{{Order: fault.Order{Name: fault.FastClock, Target: fault.WholeCluster}}})
	d.send(holdsMsg{})
	d.sees("clock: fast")
	d.seesNot("broken:", "held:")
	d.send(faultsMsg{})
	d.seesNot("clock:")
}

// breakIt breaks two things, and holds two.
func breakIt(d *driver) {
	s := d.app.ctx.Snapshot
	cordoned := s.Nodes[2].Object.DeepCopy()
	cordoned.Spec.Unschedulable = true
	changed := *s
	changed.Nodes = slices.Clone(s.Nodes)
	changed.Nodes[2] = facts.NewNode(cordoned, s.Nodes[2].Pods)
	d.send(watch.SnapshotMsg{Snapshot: &changed})
	d.send(faultsMsg{{Order: fault.Order{Name: "node-slow", Target: "node-1"}}, {Order: fault.Order{Name: "component-stop", Target: "node-2/kubelet"}}})
	d.send(holdsMsg{Rules: []hold.Rule{{Name: "bindings"}, {Name: "kube-scheduler"}}, Waiting: make([]hold.Waiting, 1)})
}

// TestBrokenPartsAreMarked looks for what is broken, held and cordoned where it is.
func TestBrokenPartsAreMarked(t *testing.T) {
	d := up(t, 200, 60)
	d.seesNot("node-slow", "cordoned")
	breakIt(d)
	d.sees("▲ node-slow Ready", "▲ component-stop Ready", "Ready,cordoned", "kube-apiserver ▲ holds bindings", "kube-scheduler ▲ held")
	d.send(faultsMsg{})
	d.send(holdsMsg{})
	d.seesNot("node-slow", "holds bindings", "▲ held")
}

// TestNodesOfBrokenPodsAreMarked marks where the pods are that something is done to, and
// where they are later.
func TestNodesOfBrokenPodsAreMarked(t *testing.T) {
	d := up(t, 200, 60)
	pods := map[string]*facts.Pod{}
	for _, p := range d.app.ctx.Snapshot.Pods {
		pods[p.Object.Spec.NodeName] = p
	}
	name := func(node string) string { return pods[node].Object.Namespace + "/" + pods[node].Object.Name }
	marked := func(target, fault string, want ...string) {
		t.Helper()
		var got []string
		for node, mark := range d.app.ctx.Marks {
			if mark == fault {
				got = append(got, node)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s %s marks %q, not %q", fault, target, got, want)
		}
	}
	between := name("node-1") + "," + name("node-2")
	d.send(faultsMsg{{Order: fault.Order{Name: "packet-drop", Target: between}}})
	marked(between, "packet-drop", "node-1", "node-2")
	d.sees("▲ packet-drop Ready")
	d.send(faultsMsg{{Order: fault.Order{Name: "packet-delay", Target: "pod/" + name("node-2") + ",node-3"}}})
	marked(name("node-2")+",node-3", "packet-delay", "node-2", "node-3")
	// The pod comes again elsewhere.
	moved := *d.app.ctx.Snapshot
	moved.Pods = slices.Clone(moved.Pods)
	for i, p := range moved.Pods {
		if p == pods["node-2"] {
			other := *p
			other.Object = p.Object.DeepCopy()
			other.Object.Spec.NodeName = "node-1"
			moved.Pods[i] = &other
		}
	}
	d.send(watch.SnapshotMsg{Snapshot: &moved})
	marked(name("node-2")+",node-3", "packet-delay", "node-1", "node-3")
	d.send(faultsMsg{{Order: fault.Order{Name: "dns-skew", Target: "web"}}})
	marked("web", "dns-skew", "node-1", "node-3")
}
