package summary_test

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/ui/summary"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

func snapshot(more ...runtime.Object) *watch.Snapshot {
	objects := uitest.Objects(time.Date(2026, 11, 20, 22, 41, 0, 0, time.UTC))
	return watch.New(append(objects, more...)...)
}

// text is a report as lines: what is wrong begins with !, what to try with >.
func text(r summary.Report) string {
	lines := append(append([]string{r.What}, r.Wants...), r.Has...)
	for _, p := range r.Wrong {
		lines = append(lines, "! "+p.Text)
		for _, t := range p.Try {
			lines = append(lines, "> "+t)
		}
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, r summary.Report, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text(r), w) {
			t.Errorf("%q is not said:\n%s", w, text(r))
		}
	}
}

func TestWatched(t *testing.T) {
	s := snapshot()
	for _, c := range []struct {
		kind, namespace, name string
		want                  []string
	}{
		{"Pod", "default", "too-big", []string{"Nothing keeps it", "at least 150m cpu and 160Mi memory", "! No node takes it: 0/3 nodes are available: 3 Insufficient memory.", "> kubectl describe nodes"}},
		{"Pod", "default", "typo", []string{"! The image kubarium/toolbox:1.0 of container typo cannot be had", `! The last warning about it, Failed: Failed to pull image`}},
		{"Deployment", "shop", "payments", []string{"1 pod with app=payments", "0 ready", "CrashLoopBackOff, failing", "> kubectl rollout undo deployment/payments -n shop"}},
		{"Deployment", "kube-system", "coredns", []string{"2 of the newest version, 2 ready"}},
		{"Service", "shop", "payments", []string{"port 8443 to go to port 8443", "1 endpoint, 0 of them ready", "has the labels, but is not ready: CrashLoopBackOff"}},
		{"Service", "default", "web", []string{"and port 30080 on each node", "3 endpoints, 3 of them ready"}},
		{"Node", "", "node-1", []string{"kubelet v1.37.1", "4 pods; their requests take 450m of 2 CPU"}},
	} {
		ref := watch.Ref{Kind: c.kind, Namespace: c.namespace, Name: c.name}
		o := s.Get(ref)
		if o == nil {
			t.Fatalf("no %v", ref)
		}
		expect(t, summary.Of(ref, o, s), c.want...)
	}
	for _, well := range []watch.Ref{{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}, {Kind: "Service", Namespace: "default", Name: "web"}, {Kind: "Node", Name: "node-1"}} {
		if r := summary.Of(well, s.Get(well), s); len(r.Wrong) > 0 {
			t.Errorf("%v is well, but %+v", well, r.Wrong)
		}
	}
}

func TestCrashes(t *testing.T) {
	s := snapshot()
	for _, f := range s.Pods {
		if !strings.HasPrefix(f.Object.Name, "payments-") {
			continue
		}
		ref := watch.Ref{Kind: "Pod", Namespace: "shop", Name: f.Object.Name}
		expect(t, summary.Of(ref, f.Object, s), "ends again and again", "exit code 1: the program itself reported a failure",
			"> kubectl logs pod/"+f.Object.Name+" -n shop -c payments --previous", "5 restarts")
		killed := f.Object.DeepCopy()
		killed.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
		expect(t, summary.Of(ref, killed, s), "used more memory than its limit", "> raise its memory limit")
	}
}

// TestServiceWithoutPods tells a selector that finds nothing.
func TestServiceWithoutPods(t *testing.T) {
	o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "lost", Namespace: "default"}}
	o.Spec.Selector = map[string]string{"app": "wbe"}
	s := snapshot(o)
	expect(t, summary.Of(watch.Ref{Kind: "Service", Namespace: "default", Name: "lost"}, o, s), "! No pod has the labels app=wbe", "> kubectl get pods --show-labels -n default")
}

func asked(t *testing.T, o runtime.Object, gvk string) *unstructured.Unstructured {
	t.Helper()
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: m}
	version, kind, _ := strings.Cut(gvk, " ")
	u.SetAPIVersion(version)
	u.SetKind(kind)
	return u
}

// TestAskedFor are kinds that are not in the snapshot.
func TestAskedFor(t *testing.T) {
	s := snapshot()
	meta := metav1.ObjectMeta{Name: "x", Namespace: "shop"}
	path := func(service string, port int32) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{Path: "/" + service, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: port}},
		}}
	}
	ingress := &networkingv1.Ingress{ObjectMeta: meta}
	ingress.Spec.Rules = []networkingv1.IngressRule{{Host: "shop.test", IngressRuleValue: networkingv1.IngressRuleValue{
		HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path("cart", 80), path("payments", 8443), path("none", 80)}},
	}}}
	r := summary.Of(watch.Ref{Kind: "Ingress.networking.k8s.io", Namespace: "shop", Name: "x"}, asked(t, ingress, "networking.k8s.io/v1 Ingress"), s)
	expect(t, r, "shop.test/cart to go to service cart, port 80", "! Service cart has no port 80; it has 8080/TCP", "! Service payments leads to no ready pod",
		"! There is no service none in namespace shop.", "! No ingress controller has given it an address")

	claim := &corev1.PersistentVolumeClaim{ObjectMeta: meta}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Status.Phase = corev1.ClaimPending
	ref := watch.Ref{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "x"}
	expect(t, summary.Of(ref, asked(t, claim, "v1 PersistentVolumeClaim"), s), "1Gi storage of the default class, ReadWriteOnce", "! It has no volume yet.")
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "x.1", Namespace: "shop"}, Reason: "WaitForFirstConsumer", InvolvedObject: corev1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "x"}}
	expect(t, summary.Of(ref, asked(t, claim, "v1 PersistentVolumeClaim"), snapshot(event)), "! It waits for a pod that uses it")

	job := &batchv1.Job{ObjectMeta: meta}
	job.Status = batchv1.JobStatus{Failed: 7, Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "Job has reached the specified backoff limit"}}}
	expect(t, summary.Of(watch.Ref{Kind: "Job", Namespace: "shop", Name: "x"}, asked(t, job, "batch/v1 Job"), s), "7 failed", "! It has failed, BackoffLimitExceeded", "> kubectl logs job/x -n shop")
}
