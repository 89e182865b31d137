package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"kubarium/cluster/trace"
)

func (p *plane) makeNode(name, cpu string) {
	p.t.Helper()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	_, err := p.client.CoreV1().Nodes().Create(bounded(p.t), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
	}, metav1.CreateOptions{})
	p.must(err)
}

// schedule makes a pod, and returns it when the scheduler has decided.
func (p *plane) schedule(name, cpu string) *corev1.Pod {
	p.t.Helper()
	return p.scheduleAs(name, cpu, func(*corev1.PodSpec) {})
}

func (p *plane) scheduleAs(name, cpu string, change func(*corev1.PodSpec)) *corev1.Pod {
	p.t.Helper()
	ctx := bounded(p.t)
	pods := p.client.CoreV1().Pods("default")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			// The nodes have no kubelet, and are tainted for it.
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{Name: "c", Image: "none", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)},
			}}},
		},
	}
	change(&pod.Spec)
	_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	p.must(err)
	watch, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	p.must(err)
	defer watch.Stop()
	for e := range watch.ResultChan() {
		if pod, ok := e.Object.(*corev1.Pod); ok && scheduled(pod).Status != "" {
			return pod
		}
	}
	p.t.Fatalf("pod %s was not looked at", name)
	return nil
}

func scheduled(pod *corev1.Pod) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c
		}
	}
	return corev1.PodCondition{}
}

// attemptOf returns the first attempt that the tap saw for a pod, and its verdicts.
func (p *plane) attemptOf(pod *corev1.Pod) (trace.Event, map[string]trace.NodeVerdict) {
	p.t.Helper()
	var found trace.Event
	err := p.config.Trace.Follow(bounded(p.t), 0, func(e trace.Event, _ uint64) error {
		if e.Component == schedulerName && e.Object.UID == string(pod.UID) {
			found = e
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		p.t.Fatalf("no attempt for pod %s: %v", pod.Name, err)
	}
	var list []trace.NodeVerdict
	p.must(json.Unmarshal([]byte(found.Fields["nodes"]), &list))
	verdicts := make(map[string]trace.NodeVerdict)
	for _, v := range list {
		verdicts[v.Node] = v
	}
	return found, verdicts
}

// pinnedTo gives a pod the affinity of a DaemonSet's pod.
func pinnedTo(node string) func(*corev1.PodSpec) {
	affinity := &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchFields: []corev1.NodeSelectorRequirement{{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
		}},
	}}}
	return func(s *corev1.PodSpec) { s.Affinity = affinity }
}

// scoreLines are the scores that the scheduler itself logs, of each pod by node and plugin; "" is
// the node's final one.
type scoreLines struct {
	mu   sync.Mutex
	pods map[string]map[string]map[string]int64
}

// logger takes lines up to the verbosity at which the scheduler tells of scores.
func (s *scoreLines) logger() klog.Logger {
	s.pods = map[string]map[string]map[string]int64{}
	return funcr.NewJSON(func(text string) {
		var line struct {
			Msg          string
			Pod          struct{ Name string }
			Node, Plugin string
			Score        int64
		}
		if !strings.Contains(text, "score") || json.Unmarshal([]byte(text), &line) != nil {
			return
		}
		if line.Msg != "Plugin scored node for pod" && line.Msg != "Calculated node's final score for pod" {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		nodes := s.pods[line.Pod.Name]
		if nodes == nil {
			nodes = map[string]map[string]int64{}
			s.pods[line.Pod.Name] = nodes
		}
		if nodes[line.Node] == nil {
			nodes[line.Node] = map[string]int64{}
		}
		nodes[line.Node][line.Plugin] = line.Score
	}, funcr.Options{Verbosity: 10})
}

func (s *scoreLines) of(pod, node string) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.pods[pod][node])
}

// TestSchedulerTapAgainstPods compares what the tap saw with what the scheduler wrote
// into the pods, and scores with its log, its default profile and upstream's formula.
func TestSchedulerTapAgainstPods(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) { c.Trace = trace.NewStore() })
	var logged scoreLines
	p.Scheduler.log = logged.logger()
	p.start()
	for name, cpu := range map[string]string{"large": "8", "medium": "4", "small": "500m"} {
		p.makeNode(name, cpu)
	}
	// It fits nowhere, however many of the nodes the scheduler knows by now.
	refused := p.schedule("huge", "100")
	event, verdicts := p.attemptOf(refused)
	if message := scheduled(refused).Message; event.Verb != "refuse" || !strings.HasPrefix(message, strings.TrimSuffix(event.Detail, ".")) {
		t.Errorf("tap saw %s %q, the pod has %q", event.Verb, event.Detail, message)
	}
	for node, v := range verdicts {
		if v.Fits || v.Plugin != "NodeResourcesFit" || strings.Join(v.Reasons, ",") != "Insufficient cpu" {
			t.Errorf("node %s: %+v", node, v)
		}
	}
	placed := p.schedule("fits", "1")
	event, verdicts = p.attemptOf(placed)
	if placed.Spec.NodeName == "" || event.Fields["node"] != placed.Spec.NodeName {
		t.Errorf("tap saw node %q, the pod is bound to %q", event.Fields["node"], placed.Spec.NodeName)
	}
	if v := verdicts["small"]; len(verdicts) != 3 || v.Fits || v.Plugin != "NodeResourcesFit" {
		t.Errorf("verdicts %+v", verdicts)
	}
	best := verdicts[placed.Spec.NodeName]
	// Of 8 and of 4 CPUs the pod takes 1, and of 4096 MiB the 200 that one counts for who asks
	// for none: what is left is (87 + 95) / 2 and (75 + 95) / 2 percent.
	for name, fit := range map[string]int64{"large": 91, "medium": 85} {
		v := verdicts[name]
		want := logged.of("fits", name)
		total := want[""]
		delete(want, "")
		if !v.Fits || len(want) == 0 || !maps.Equal(v.Scores, want) || v.Total != total || v.Total > best.Total {
			t.Errorf("node %s: %+v, the scheduler logged %v, in all %d; the best %+v", name, v, want, total, best)
		}
		if v.Scores["NodeResourcesFit"] != fit {
			t.Errorf("NodeResourcesFit gives %s %d, not %d", name, v.Scores["NodeResourcesFit"], fit)
		}
	}
	t.Log(event.Line())
	t.Run("weights", func(t *testing.T) { checkWeights(t, event) })
	t.Run("left out", func(t *testing.T) { checkLeftOut(t, p) })
	t.Run("preemption", func(t *testing.T) { checkPreemption(t, p) })
}

// checkWeights compares the weights of an attempt with the scheduler's default profile.
func checkWeights(t *testing.T, event trace.Event) {
	a, err := trace.AttemptOf(event)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := latest.Default()
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]int64{}
	for _, plugin := range profile.Profiles[0].Plugins.MultiPoint.Enabled {
		defaults[plugin.Name] = int64(plugin.Weight)
		if got := a.Weights[plugin.Name]; plugin.Weight != 0 && got != int64(plugin.Weight) {
			t.Errorf("the weight of %s is told as %d, and is %d", plugin.Name, got, plugin.Weight)
		}
	}
	for name, weight := range a.Weights {
		if want, known := defaults[name]; !known || weight != max(want, 1) {
			t.Errorf("the weight of %s is told as %d, and is %d", name, weight, want)
		}
	}
}

// checkLeftOut schedules pods as a DaemonSet's: a plugin knows in advance on which node.
func checkLeftOut(t *testing.T, p *plane) {
	placed := p.scheduleAs("daemon", "1", pinnedTo("medium"))
	event, verdicts := p.attemptOf(placed)
	if placed.Spec.NodeName != "medium" || !verdicts["medium"].Fits || len(verdicts) != 3 {
		t.Errorf("on node %s, verdicts %+v", placed.Spec.NodeName, verdicts)
	}
	for _, name := range []string{"large", "small"} {
		if v := verdicts[name]; v.Fits || !v.LeftOut || v.Plugin != "NodeAffinity" {
			t.Errorf("node %s: %+v", name, v)
		}
	}
	if want := "chose medium, the only one that fits of 1 looked at; NodeAffinity left out 2 before"; event.Detail != want {
		t.Errorf("told %q, want %q", event.Detail, want)
	}
	refused := p.scheduleAs("stray", "1", pinnedTo("absent"))
	_, verdicts = p.attemptOf(refused)
	message := scheduled(refused).Message
	for name, v := range verdicts {
		if v.Fits || !v.LeftOut || v.Plugin != "NodeAffinity" {
			t.Errorf("node %s: %+v", name, v)
		}
	}
	if want := fmt.Sprintf("%d node(s) didn't satisfy plugin(s) [NodeAffinity]", len(verdicts)); len(verdicts) != 3 || !strings.Contains(message, want) {
		t.Errorf("%s is not in %q", want, message)
	}
}

// afterOf returns what came of a pod's attempt.
func (p *plane) afterOf(pod *corev1.Pod, verb string) trace.Event {
	p.t.Helper()
	return p.seen(p.t, verb+" of "+pod.Name, func(e trace.Event) bool {
		return e.Component == schedulerName && e.Object.UID == string(pod.UID) && e.Verb == verb
	})
}

// checkPreemption has a pod come that is worth more than the one which has the node, and one that
// is not.
func checkPreemption(t *testing.T, p *plane) {
	ctx := bounded(t)
	pods := p.client.CoreV1().Pods("default")
	_, err := p.client.SchedulingV1().PriorityClasses().Create(ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "high"}, Value: 1000}, metav1.CreateOptions{})
	p.must(err)
	victim := p.schedule("victim", "6")
	waits := p.schedule("waits", "7")
	e := p.afterOf(waits, trace.Preempt)
	if message := scheduled(waits).Message; e.Fields["node"] != "" || e.Detail == "" || !strings.Contains(message, strings.TrimSuffix(e.Detail, ".")) {
		t.Errorf("told %q, the pod has %q", e.Detail, message)
	}
	important := p.scheduleAs("important", "7", func(s *corev1.PodSpec) { s.PriorityClassName = "high" })
	e = p.afterOf(important, trace.Preempt)
	if e.Fields["node"] != victim.Spec.NodeName || e.Fields["error"] != "" {
		t.Errorf("told %q, the victim is on %q", e.Detail, victim.Spec.NodeName)
	}
	// It is written once the victims are asked to go.
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		is, err := pods.Get(ctx, important.Name, metav1.GetOptions{})
		return err == nil && is.Status.NominatedNodeName == e.Fields["node"], nil
	})
	if err != nil {
		t.Errorf("the pod is not nominated for %s", e.Fields["node"])
	}
}

// TestFailuresAfterANodeWasChosenAreTold has each of the plugins that come then fail.
func TestFailuresAfterANodeWasChosenAreTold(t *testing.T) {
	store, ctx := trace.NewStore(), t.Context()
	failed := fwk.NewStatus(fwk.Error, "no such volume").WithPlugin("VolumeBinding")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u"}, Spec: corev1.PodSpec{NodeName: "node-1"}}
	for _, status := range []*fwk.Status{nil, fwk.NewStatus(fwk.Wait), failed} {
		a := aftermath{Framework: fixedFramework{status: status}, store: store}
		_, permit := a.RunPermitPlugins(ctx, nil, pod, "node-1")
		for _, got := range []*fwk.Status{
			a.RunReservePluginsReserve(ctx, nil, pod, "node-1"), permit, a.WaitOnPermit(ctx, pod),
			a.RunPreBindPlugins(ctx, nil, pod, "node-1"), a.RunBindPlugins(ctx, nil, pod, "node-1"),
		} {
			if got != status {
				t.Errorf("the scheduler gets %v, and not %v", got, status)
			}
		}
	}
	var got []string
	p := func(e trace.Event) error { got = append(got, e.Verb+" "+e.Object.String()+" "+e.Detail); return nil }
	if err := store.Kept(p); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, point := range []string{"Permit", "Reserve", "Permit", "PreBind", "Bind"} {
		want = append(want, "fail pods/shop/web "+point+" on node-1 failed by VolumeBinding: no such volume")
	}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// fixedFramework is one whose plugins all say the same.
type fixedFramework struct {
	framework.Framework
	status *fwk.Status
}

func (f fixedFramework) RunReservePluginsReserve(context.Context, fwk.CycleState, *corev1.Pod, string) *fwk.Status {
	return f.status
}

func (f fixedFramework) RunPermitPlugins(context.Context, fwk.CycleState, *corev1.Pod, string) (map[string]time.Duration, *fwk.Status) {
	return nil, f.status
}

func (f fixedFramework) WaitOnPermit(context.Context, *corev1.Pod) *fwk.Status { return f.status }

func (f fixedFramework) RunPreBindPlugins(context.Context, fwk.CycleState, *corev1.Pod, string) *fwk.Status {
	return f.status
}

func (f fixedFramework) RunBindPlugins(context.Context, fwk.CycleState, *corev1.Pod, string) *fwk.Status {
	return f.status
}
