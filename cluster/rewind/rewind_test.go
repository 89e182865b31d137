package rewind

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/cluster/fault/corefile"
	"kubarium/cluster/trace"
)

const oldUID, claimKey = "11111111-1111-1111-1111-111111111111", registry + "persistentvolumeclaims/default/web"

func pod(uid, node string, phase corev1.PodPhase, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: types.UID(uid), Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{
			Phase: phase, PodIP: "10.244.0.9", QOSClass: corev1.PodQOSBurstable,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: "True"}, {Type: corev1.PodScheduled, Status: "True"}},
		},
	}
	if change != nil {
		change(p)
	}
	return p
}

// state is one of objects, which are *corev1.Pod, *corev1.Node, *corev1.ConfigMap or values of claimKey.
func state(t *testing.T, objects ...any) State {
	t.Helper()
	s := State{Keys: map[string]KV{}}
	for i, o := range objects {
		var kv KV
		var err error
		switch o := o.(type) {
		case *corev1.Pod:
			kv.Key = podKeys + o.Namespace + "/" + o.Name
			kv.Value, err = encode(kv.Key, "Pod", o.DeepCopy())
		case *corev1.Node:
			kv.Key = nodeKeys + o.Name
			kv.Value, err = encode(kv.Key, "Node", o.DeepCopy())
		case *corev1.ConfigMap:
			kv.Key = registry + "configmaps/" + o.Namespace + "/" + o.Name
			kv.Value, err = encode(kv.Key, "ConfigMap", o.DeepCopy())
		case string:
			kv = KV{Key: claimKey, Value: []byte(o)}
		}
		if err != nil {
			t.Fatal(err)
		}
		kv.Revision = int64(i + 1)
		s.Keys[kv.Key] = kv
	}
	return s
}

func node(change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1", UID: "n", Labels: map[string]string{"disk": "ssd"}}}
	if change != nil {
		change(n)
	}
	return n
}

// putPod plans, and returns the pod that is written.
func putPod(t *testing.T, now, then State) *corev1.Pod {
	t.Helper()
	plan, err := MakePlan(now, then)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range plan.Put {
		if strings.HasPrefix(kv.Key, podKeys) {
			var p corev1.Pod
			if err := decode(kv, &p); err != nil {
				t.Fatal(err)
			}
			return &p
		}
	}
	return nil
}

func TestADeletedPodRunsAnew(t *testing.T) {
	then := state(t, pod(oldUID, "node-1", corev1.PodRunning, nil), "owned by "+oldUID, node(nil))
	now := state(t, node(nil))
	p := putPod(t, now, then)
	if p == nil || p.UID == oldUID || p.Status.Phase != corev1.PodPending || p.Status.PodIP != "" || p.Spec.NodeName != "node-1" {
		t.Fatalf("%+v", p)
	}
	if len(p.Status.Conditions) != 1 || p.Status.Conditions[0].Type != corev1.PodScheduled || p.Status.QOSClass != corev1.PodQOSBurstable {
		t.Errorf("status %+v", p.Status)
	}
	plan, err := MakePlan(now, then)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(plan.Put, func(kv KV) bool { return kv.Key == claimKey })
	if at < 0 || strings.Contains(string(plan.Put[at].Value), oldUID) || len(plan.Put[at].Value) != len("owned by "+oldUID) {
		t.Errorf("the claim names the old pod: %+v", plan.Put)
	}
}

func TestAPodIsBroughtBackOnce(t *testing.T) {
	past := pod(oldUID, "node-1", corev1.PodRunning, nil)
	back := putPod(t, state(t, node(nil)), state(t, past, node(nil)))
	back.Status = past.Status // its kubelet has started it
	if p := putPod(t, state(t, back, node(nil)), state(t, past, node(nil))); p != nil {
		t.Errorf("the same state is written again: %+v", p)
	}
	// From a state that has the one that was brought back, too.
	if again := putPod(t, state(t, node(nil)), state(t, back, node(nil))); again == nil || origin(again) != oldUID || again.UID == back.UID {
		t.Errorf("%+v", again)
	}
}

func TestAPodOfANodeThatIsGoneIsScheduledAnew(t *testing.T) {
	p := putPod(t, state(t), state(t, pod(oldUID, "node-1", corev1.PodRunning, nil)))
	if p == nil || p.Spec.NodeName != "" || len(p.Status.Conditions) != 0 {
		t.Fatalf("%+v", p)
	}
}

func TestAPodThatRunsOnKeepsItsStatus(t *testing.T) {
	now := pod(oldUID, "node-1", corev1.PodRunning, func(p *corev1.Pod) { p.Labels["app"], p.Status.PodIP = "changed", "10.244.0.10" })
	p := putPod(t, state(t, now), state(t, pod(oldUID, "", corev1.PodPending, nil)))
	if p == nil || p.Labels["app"] != "web" || p.Status.PodIP != "10.244.0.10" || p.Spec.NodeName != "node-1" || p.UID != oldUID {
		t.Fatalf("%+v", p)
	}
	now.Labels["app"] = "web"
	if p := putPod(t, state(t, now), state(t, pod(oldUID, "node-1", corev1.PodRunning, nil))); p != nil {
		t.Errorf("wrote a pod that only its kubelet has changed: %+v", p)
	}
}

func TestAPodThatIsGoingIsReplaced(t *testing.T) {
	now := pod(oldUID, "node-1", corev1.PodRunning, func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} })
	p := putPod(t, state(t, now, node(nil)), state(t, pod(oldUID, "node-1", corev1.PodRunning, nil)))
	if p == nil || p.UID == oldUID || p.DeletionTimestamp != nil {
		t.Fatalf("%+v", p)
	}
	// And one that was going then is not called back.
	if p := putPod(t, state(t), state(t, now)); p != nil {
		t.Errorf("called back %+v", p)
	}
}

func TestAFinishedPodDoesNotRunTwice(t *testing.T) {
	p := putPod(t, state(t), state(t, pod(oldUID, "node-1", corev1.PodSucceeded, nil)))
	if p == nil || p.UID != oldUID || p.Status.Phase != corev1.PodSucceeded {
		t.Fatalf("%+v", p)
	}
}

func TestMirrorPodsAreTheKubelets(t *testing.T) {
	mirror := pod(oldUID, "node-1", corev1.PodRunning, func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} })
	for _, states := range [][2]State{{state(t, mirror), state(t)}, {state(t), state(t, mirror)}} {
		if plan, err := MakePlan(states[0], states[1]); err != nil || !plan.Empty() {
			t.Errorf("%v, %v", plan.Keys(), err)
		}
	}
}

func TestNodesAreMachines(t *testing.T) {
	if plan, err := MakePlan(state(t), state(t, node(nil))); err != nil || !plan.Empty() {
		t.Errorf("made a node: %v, %v", plan.Keys(), err)
	}
	if plan, err := MakePlan(state(t, node(nil)), state(t)); err != nil || !plan.Empty() {
		t.Errorf("deleted a node: %v, %v", plan.Keys(), err)
	}
	now := node(func(n *corev1.Node) {
		n.Labels, n.Spec.Unschedulable = nil, true
		n.Spec.Taints = []corev1.Taint{{Key: "node.kubernetes.io/not-ready"}, {Key: corev1.TaintNodeUnschedulable}, {Key: "mine"}}
		n.Status.Phase = corev1.NodeRunning
	})
	then := node(func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "before"}, {Key: "node.kubernetes.io/disk-pressure"}}
	})
	plan, err := MakePlan(state(t, now), state(t, then))
	if err != nil || len(plan.Put) != 1 {
		t.Fatalf("%v, %v", plan, err)
	}
	var n corev1.Node
	if err := decode(plan.Put[0], &n); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, taint := range n.Spec.Taints {
		keys = append(keys, taint.Key)
	}
	if n.Labels["disk"] != "ssd" || n.Spec.Unschedulable || n.Status.Phase != corev1.NodeRunning || strings.Join(keys, " ") != "before node.kubernetes.io/not-ready" {
		t.Errorf("labels %v, unschedulable %t, taints %v", n.Labels, n.Spec.Unschedulable, keys)
	}
}

func TestFaultsOfDNSDoNotComeBack(t *testing.T) {
	const plain = ".:53 {\n    errors\n}\n"
	config := func(text string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "coredns", Namespace: "kube-system"}, Data: map[string]string{"Corefile": text}}
	}
	skewed, err := corefile.With(plain, "web.shop.svc.cluster.local", "rcode NXDOMAIN")
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(plain, "errors", "log", 1)
	for what, test := range map[string]struct{ then, now, want string }{
		"without a fault":  {edited, plain, edited},
		"healed since":     {skewed, edited, plain},
		"injected since":   {plain, skewed, ""},
		"there both times": {skewed, skewed, ""},
	} {
		plan, err := MakePlan(state(t, config(test.now)), state(t, config(test.then)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, kv := range plan.Put {
			var written corev1.ConfigMap
			if err := decode(kv, &written); err != nil {
				t.Fatal(err)
			}
			got = written.Data["Corefile"]
		}
		if got != test.want {
			t.Errorf("%s: %q is written, want %q", what, got, test.want)
		}
	}
}

func request(agent, session, verb, name, revisions string, at time.Duration) trace.Event {
	return trace.Event{
		Component: "kube-apiserver", Actor: userName, Agent: agent, Verb: verb, Time: time.Unix(0, 0).Add(at),
		Object: trace.Object{Resource: "pods", Name: name}, Fields: map[string]string{"revisions": revisions, "session": session},
	}
}

func TestChangesAreCommands(t *testing.T) {
	store := trace.NewStore()
	for _, e := range []trace.Event{
		request("kubectl", "s1", "create", "a", "10", 0),
		request("kubectl", "s1", "create", "b", "12", 10*time.Second),
		request("kubectl", "s2", "delete", "a", "13", 10*time.Second),
		request("Helm", "", "create", "c", "20", 20*time.Second),
		request("Helm", "", "create", "d", "21", 20*time.Second+oneCommand/2),
		request("Helm", "", "create", "e", "30", 25*time.Second),
		request(OwnAgent, "", "create", "ours", "40", 30*time.Second),
		request("kubectl", "s3", "get", "a", "", 30*time.Second),
	} {
		store.Add(e)
	}
	var got []string
	for _, c := range Changes(store) {
		got = append(got, strings.Join(c.What, "+"))
	}
	if want := "create pods/a+create pods/b|delete pods/a|create pods/c+create pods/d|create pods/e"; strings.Join(got, "|") != want {
		t.Errorf("%v", got)
	}
}

func TestTimeline(t *testing.T) {
	changes := func(firsts ...int64) (list []Change) {
		for _, f := range firsts {
			list = append(list, Change{First: f, Last: f})
		}
		return list
	}
	var line Timeline
	undo := func(list []Change, first, revision int64) {
		t.Helper()
		c, ok := line.ToUndo(list)
		if !ok || c.First != first {
			t.Fatalf("undoes %d, %t; want %d", c.First, ok, first)
		}
		line.Undid(first, revision)
	}
	if _, ok := line.ToUndo(nil); ok {
		t.Error("there is nothing to undo")
	}
	undo(changes(10, 20), 20, 30)
	undo(changes(10, 20), 10, 31)
	if _, ok := line.ToUndo(changes(10, 20)); ok {
		t.Error("all is undone")
	}
	if revision, ok := line.ToRedo(changes(10, 20)); !ok || revision != 30 {
		t.Errorf("redoes to %d, %t", revision, ok)
	}
	line.Redid()
	// Something new ends what can be done again, and is what is undone next.
	if _, ok := line.ToRedo(changes(10, 20, 40)); ok {
		t.Error("redoes over a new change")
	}
	undo(changes(10, 20, 40), 40, 50)
	undo(changes(10, 20, 40), 10, 51)
	// Bringing the cluster back is a change as well.
	line.Rewound("restore snapshot before", time.Unix(60, 0), 60)
	if _, ok := line.ToRedo(changes(10, 20, 40)); ok {
		t.Error("redoes over a rewind")
	}
	undo(changes(10, 20, 40, 70), 70, 80)
	undo(changes(10, 20, 40, 70), 60, 81)
	if revision, ok := line.ToRedo(changes(10, 20, 40, 70)); !ok || revision != 80 {
		t.Errorf("redoes the rewind to %d, %t", revision, ok)
	}
	// Of a change that something else took back nothing is left to undo, nor to do again.
	undo(changes(10, 20, 40, 70, 90), 90, 0)
	line.Redid()
	undo(changes(10, 20, 40, 70, 90), 60, 100)
}

func TestSnapshotFiles(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "snapshots"))
	if list, err := dir.List(); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
	saved := State{Revision: 7, Keys: map[string]KV{"/registry/a": {Key: "/registry/a", Value: []byte{0, 1, 255}, Revision: 3}}}
	if _, err := dir.Save(Snapshot{Name: "one", Created: time.Unix(5, 0), Version: "v1"}, saved); err != nil {
		t.Fatal(err)
	}
	s, state, err := dir.Load("one")
	if err != nil || s.Revision != 7 || s.Keys != 1 || s.Size == 0 || string(state.Keys["/registry/a"].Value) != "\x00\x01\xff" {
		t.Fatalf("%+v, %+v, %v", s, state, err)
	}
	if _, err := dir.Save(Snapshot{Name: "one"}, saved); err == nil {
		t.Error("saved over another")
	}
	for _, name := range []string{"../one", "", "A", "one/two", strings.Repeat("x", 64)} {
		if _, err := dir.Save(Snapshot{Name: name}, saved); err == nil {
			t.Errorf("saved as %q", name)
		}
	}
	// A torn file is told, and hides no other.
	data, err := os.ReadFile(filepath.Join(string(dir), "one"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(string(dir), "torn"+suffix), data[:len(data)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dir.Load("torn"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("loaded a torn file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(string(dir), "empty"+suffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := dir.List(); err == nil || len(list) == 0 || list[len(list)-1].Name != "one" && list[0].Name != "one" {
		t.Errorf("%v, %v", list, err)
	}
	if err := dir.Remove("one"); err != nil {
		t.Fatal(err)
	}
	if err := dir.Remove("one"); err == nil {
		t.Error("removed what is not there")
	}
}
