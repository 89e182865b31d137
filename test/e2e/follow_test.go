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
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/story"
)

// TestFollow tells the stories of Deployments, some at once, and compares each with what the
// API server has at the end. FOLLOW_TIMES says how many.
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
			steps := shared.follow(t, "--idle", idle, "kubectl", "-n", ns, "create", "deployment", name, "--image=kubarium/web:1.0", "--replicas=2")
			checkStory(t, ns, name, steps)
			shared.kubectl(t, "-n", ns, "delete", "deployment", name)
		})
	}
}

// follow runs a command and reads what came of it.
func (c *testCluster) follow(t *testing.T, args ...string) []story.Step {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(), append([]string{"follow", "--name", c.name, "--data-dir", c.dir, "-o", "json"}, args...)...)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		t.Fatalf("follow: %v\n%s", err, fault.String())
	}
	var steps []story.Step
	decoder := json.NewDecoder(&out)
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
	for i, step := range steps {
		if !step.Certain || step.Why == "" {
			t.Errorf("%s %s: certain %v, why %q", step.Who, step.What, step.Certain, step.Why)
		}
		if i > 0 && step.Time.Before(steps[i-1].Time) {
			t.Errorf("%s %s: is told too late", step.Who, step.What)
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
	at = s.find(at, "kubelet on "+node, "has containerd start container web of "+object)
	started := s.find(at, "kubelet on "+node, "reports Started")
	s.find(at, "kubelet on "+node, "says "+object+" is Running and Ready")
	if started == 0 {
		s.t.Error("the container starts before all")
	}
}
