package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/story"
)

// tale is what is followed: from the request to the rule.
const tale = `apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: web, image: "kubarium/web:1.0"}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  selector: {app: NAME}
  ports: [{port: 80, targetPort: 8080}]
`

// TestFollow tells the stories of Deployments and their Services, some at once, and compares
// each with what the API server has at the end. FOLLOW_TIMES says how many.
func TestFollow(t *testing.T) {
	times, idle := 3, "15s"
	if n, err := strconv.Atoi(os.Getenv("FOLLOW_TIMES")); err == nil {
		// Beside so many others, a step may take long after the one before.
		times, idle = n, "40s"
	}
	ns := shared.namespace(t)
	for i := range times {
		name := fmt.Sprintf("tale-%d", i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "tale.yaml")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(tale, "NAME", name)), 0o600); err != nil {
				t.Fatal(err)
			}
			steps := readSteps(t, shared.follow(t, "json", "--idle", idle, "kubectl", "-n", ns, "apply", "-f", file))
			checkStory(t, ns, name, steps)
			checkSpans(t, shared.follow(t, "otlp", "-n", ns, "deployment/"+name))
			checkPage(t, shared.follow(t, "markdown", "deployment/"+name, "-n", ns))
			shared.kubectl(t, "-n", ns, "delete", "deployment,service", name)
		})
	}
}

// follow returns a story in some form: that of a command which it runs, or of an object.
func (c *testCluster) follow(t *testing.T, form string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(), append([]string{"follow", "--name", c.name, "--data-dir", c.dir, "-o", form}, args...)...)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		t.Fatalf("follow: %v\n%s", err, fault.String())
	}
	return out.Bytes()
}

func readSteps(t *testing.T, out []byte) (steps []story.Step) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var s story.Step
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return steps
		} else if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s)
	}
}

// checkSpans checks that a story as OpenTelemetry has it is one tree, and that what is known
// to have taken time did.
func checkSpans(t *testing.T, out []byte) {
	t.Helper()
	ids, parents, roots, long := map[string]string{}, map[string]string{}, 0, 0
	for line := range bytes.Lines(out) {
		var data tracepb.TracesData
		if err := protojson.Unmarshal(line, &data); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		s := data.ResourceSpans[0].ScopeSpans[0].Spans[0]
		if other, known := ids[string(s.SpanId)]; known {
			t.Errorf("%q and %q have one ID", s.Name, other)
		}
		ids[string(s.SpanId)] = s.Name
		if len(s.ParentSpanId) == 0 {
			roots++
		} else {
			parents[s.Name] = string(s.ParentSpanId)
		}
		if s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%q ends before it begins", s.Name)
		}
		if s.EndTimeUnixNano > s.StartTimeUnixNano {
			long++
		}
	}
	for name, parent := range parents {
		if ids[parent] == "" {
			t.Errorf("%q has a parent that is not in the story", name)
		}
	}
	if roots != 1 || len(ids) < 10 || long < len(ids)/3 {
		t.Errorf("of %d spans %d are roots, and %d have a length", len(ids), roots, long)
	}
}

// checkPage checks that a story as a page has an entry with a reason for each step.
func checkPage(t *testing.T, out []byte) {
	t.Helper()
	page := string(out)
	if n := strings.Count(page, "1. **+"); n < 10 || n != strings.Count(page, "\n   Because ") {
		t.Errorf("the story as a page is\n%s", page)
	}
}

// teller finds steps of a story.
type teller struct {
	t     *testing.T
	steps []story.Step
}

// find is the place of the first step from there on that someone did, so told.
func (s teller) find(from int, who, what string) int {
	s.t.Helper()
	for i := from; i < len(s.steps); i++ {
		if s.steps[i].Who == who && strings.Contains(s.steps[i].What, what) {
			return i
		}
	}
	var told strings.Builder
	for _, step := range s.steps {
		fmt.Fprintf(&told, "  %s %s\n", step.Who, step.What)
	}
	s.t.Fatalf("after step %d, %s does not: %s\n%s", from, who, what, told.String())
	return 0
}

func checkStory(t *testing.T, ns, name string, steps []story.Step) {
	t.Helper()
	ctx := bounded(t)
	s := teller{t, steps}
	last := map[string]string{}
	// A request is known when it is answered. On a busy machine one may take longer than steps
	// are held back, and others go on meanwhile.
	slow := map[uint64]bool{}
	for _, step := range steps {
		slow[step.Seq] = slow[step.Seq] || step.End.Sub(step.Start) > time.Second
	}
	for i, step := range steps {
		if !step.Certain || step.Why == "" {
			t.Errorf("%s %s: certain %v, why %q", step.Who, step.What, step.Certain, step.Why)
		}
		// The times that are told never go back: what came too late says so.
		if i > 0 && step.Time.Before(steps[i-1].Time) || strings.Contains(step.Detail, story.ToldLate) && !slow[step.Seq] {
			t.Errorf("%s %s: is told too late, after %s: %s", step.Who, step.What, steps[max(0, i-1)].What, step.Detail)
		}
		if _, revision, ok := strings.Cut(step.Detail, "etcd revision "); ok {
			last[step.Object.UID] = revision
		}
	}
	at := s.begin(ns, name)
	deployment, err := shared.client.AppsV1().Deployments(ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := last[string(deployment.UID)]; got != deployment.ResourceVersion {
		t.Errorf("the story leaves the Deployment at revision %s, it is at %s", got, deployment.ResourceVersion)
	}
	sets, err := shared.client.AppsV1().ReplicaSets(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil || len(sets.Items) != 1 {
		t.Fatalf("ReplicaSets %v, %v", sets, err)
	}
	s.find(at, "deployment-controller", "wakes for Deployment "+ns+"/"+name)
	if got := last[string(sets.Items[0].UID)]; got != sets.Items[0].ResourceVersion {
		t.Errorf("the story leaves the ReplicaSet at revision %s, it is at %s", got, sets.Items[0].ResourceVersion)
	}
	set := s.find(at, "deployment-controller", "creates ReplicaSet "+ns+"/"+sets.Items[0].Name)
	set = s.find(set, "kube-apiserver", "watchers of ReplicaSet "+ns+"/"+sets.Items[0].Name)
	set = s.find(set, "replicaset-controller", "Too few replicas")
	pods, err := shared.client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil || len(pods.Items) != 2 {
		t.Fatalf("Pods %v, %v", pods, err)
	}
	for _, pod := range pods.Items {
		checkPodsStory(s, set, pod)
		if got := last[string(pod.UID)]; got != pod.ResourceVersion {
			t.Errorf("the story leaves %s at revision %s, it is at %s", pod.Name, got, pod.ResourceVersion)
		}
	}
	checkRules(s, ns, name, pods.Items, last)
}

// checkRules checks that the story goes on to the endpoints of both pods, and on every node to
// the rules that send packets there.
func checkRules(s teller, ns, name string, pods []corev1.Pod, last map[string]string) {
	s.t.Helper()
	ctx := bounded(s.t)
	found, err := shared.client.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
	if err != nil || len(found.Items) != 1 {
		s.t.Fatalf("EndpointSlices %v, %v", found, err)
	}
	slice := found.Items[0]
	if got := last[string(slice.UID)]; got != slice.ResourceVersion {
		s.t.Errorf("the story leaves the EndpointSlice at revision %s, it is at %s", got, slice.ResourceVersion)
	}
	at := s.find(0, "kubectl (kubernetes-admin)", "creates Service "+ns+"/"+name)
	at = s.find(at, "endpointslice-controller", "creates EndpointSlice "+ns+"/"+slice.Name)
	nodes, err := shared.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	var want []string
	for _, pod := range pods {
		want = append(want, pod.Status.PodIP+":8080")
	}
	slices.Sort(want)
	for _, node := range nodes.Items {
		who, to := "kube-proxy on "+node.Name, ""
		for _, step := range s.steps[at:] {
			if _, told, ok := strings.Cut(step.What, "has packets to Service "+ns+"/"+name+" go to "); ok && step.Who == who {
				to = told
			}
		}
		if got := strings.Fields(to); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			s.t.Errorf("%s has packets to the Service go to %q in the end, not to %q", who, got, want)
		}
	}
}

// begin finds the command's request, and what the API server did with it.
func (s teller) begin(ns, name string) int {
	s.t.Helper()
	deployment := "Deployment " + ns + "/" + name
	if at := s.find(0, "kubectl (kubernetes-admin)", "asks to create "+deployment); at != 0 {
		s.t.Errorf("the command is step %d", at)
	}
	at := s.find(0, "kube-apiserver", "knows kubernetes-admin by client certificate")
	at = s.find(at, "kube-apiserver", "allows it: ")
	at = s.find(at, "kubectl (kubernetes-admin)", "creates "+deployment)
	return s.find(at, "kube-apiserver", "watchers of "+deployment)
}

func checkPodsStory(s teller, at int, pod corev1.Pod) {
	s.t.Helper()
	object, node := "Pod "+pod.Namespace+"/"+pod.Name, pod.Spec.NodeName
	s.find(at, "kube-apiserver", "has ServiceAccount change "+object)
	at = s.find(at, "replicaset-controller", "creates "+object)
	at = s.find(at, "kube-scheduler", "chooses "+node+" for "+object)
	at = s.find(at, "kube-scheduler", "binds "+object+" to "+node)
	// The inside of the node, by the tap in its kubelet.
	at = s.find(at, "kubelet on "+node, "has containerd run the sandbox of "+object)
	at = s.find(at, "kubelet on "+node, "has containerd create container web of "+object)
	at = s.find(at, "kubelet on "+node, "has containerd start container web of "+object+" as process ")
	_, pid, _ := strings.Cut(s.steps[at].What, " as process ")
	// The kernel says whose process that is.
	group, err := os.ReadFile(shared.insideNode(s.t, node, "/proc/"+pid+"/cgroup"))
	if _, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://"); err != nil || !strings.Contains(string(group), id) {
		s.t.Errorf("process %s of %s is of %q, %v", pid, node, group, err)
	}
	started := s.find(at, "kubelet on "+node, "reports Started")
	s.find(at, "kubelet on "+node, "says "+object+" is Running and Ready")
	if started == 0 {
		s.t.Error("the container starts before all")
	}
}
