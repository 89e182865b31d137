package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	admission "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"

	"kubarium/cluster/trace"
)

// metrics reads what a component serves at /metrics.
func (p *plane) metrics(t *testing.T, e *endpoint) map[string]*dto.MetricFamily {
	t.Helper()
	admin, err := p.config.PKI.Client("kubernetes-admin", "system:masters")
	p.must(err)
	pair, err := tls.X509KeyPair(admin.Cert, admin.Key)
	p.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.config.PKI.CA.PEM())
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(bounded(t), http.MethodGet, e.url("/metrics"), nil)
	p.must(err)
	response, err := client.Do(request)
	p.must(err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	p.must(err)
	return families
}

func value(families map[string]*dto.MetricFamily, family, label, is string) float64 {
	for _, m := range families[family].GetMetric() {
		if labelOf(m, label) == is {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return 0
}

// TestQueuesAgainstMetrics compares the scheduler's queue and the controllers' with what
// they serve at /metrics, and what a controller says with what it did.
func TestQueuesAgainstMetrics(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) { c.Trace = trace.NewStore() })
	p.start()
	p.makeNode("small", "500m")
	t.Run("scheduler", func(t *testing.T) { checkPending(t, p) })
	t.Run("scheduler's backoff", func(t *testing.T) { checkBackoff(t, p) })
	t.Run("workqueues", func(t *testing.T) { checkWorkQueues(t, p) })
	t.Run("depth", func(t *testing.T) { checkDepth(t, p) })
	t.Run("controllers", func(t *testing.T) { checkControllers(t, p) })
	t.Run("failure", func(t *testing.T) { checkFailure(t, p) })
	t.Run("failure without a context", func(t *testing.T) { checkFailureWithoutContext(t, p) })
}

func checkPending(t *testing.T, p *plane) {
	refused := p.schedule("huge", "100")
	p.attemptOf(refused)
	_, err := p.client.CoreV1().Pods("default").Create(bounded(t), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "gated"},
		Spec: corev1.PodSpec{
			SchedulingGates: []corev1.PodSchedulingGate{{Name: "example.com/wait"}}, Containers: []corev1.Container{{Name: "c", Image: "none"}},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	ctx := bounded(t)
	var byName map[string]trace.PendingPod
	for ctx.Err() == nil && (byName["huge"].Queue != "unschedulable" || byName["gated"].Name == "") {
		byName = map[string]trace.PendingPod{}
		list, err := p.Scheduler.Pending()
		p.must(err)
		for _, pod := range list {
			byName[pod.Name] = pod
		}
	}
	huge, gated := byName["huge"], byName["gated"]
	if huge.UID != string(refused.UID) || !slices.Contains(huge.Plugins, "NodeResourcesFit") || !strings.Contains(huge.Why, "Insufficient cpu") || huge.Attempts < 1 {
		t.Errorf("huge: %+v", huge)
	}
	if len(gated.Gates) != 1 || gated.Gates[0] != "example.com/wait" || gated.Attempt != 0 {
		t.Errorf("gated: %+v", gated)
	}
	families := p.metrics(t, p.Scheduler.endpoint)
	for queue, want := range map[string]float64{"unschedulable": 1, "gated": 1, "active": 0, "backoff": 0} {
		if got := value(families, "scheduler_pending_pods", "queue", queue); got != want {
			t.Errorf("the scheduler counts %v pods in %s, want %v", got, queue, want)
		}
	}
	if len(byName) != 2 {
		t.Errorf("pending %+v", byName)
	}
}

// checkBackoff has the API server refuse to bind a pod: the scheduler tries again later and later.
func checkBackoff(t *testing.T, p *plane) {
	const name = "refused"
	p.refuseBinding(t, name)
	p.schedule(name, "100m")
	defer func() {
		p.must(p.client.CoreV1().Pods("default").Delete(bounded(t), name, *metav1.NewDeleteOptions(0)))
	}()
	waits := func() (trace.PendingPod, bool) {
		list, err := p.Scheduler.Pending()
		p.must(err)
		i := slices.IndexFunc(list, func(pod trace.PendingPod) bool { return pod.Name == name && pod.Queue == "backoff" })
		if i < 0 {
			return trace.PendingPod{}, false
		}
		return list[i], true
	}
	eventually(t, "pod that waits before and after a look at /metrics", func() error {
		_, before := waits()
		served := value(p.metrics(t, p.Scheduler.endpoint), "scheduler_pending_pods", "queue", "backoff")
		pod, after := waits()
		if !before || !after {
			return errors.New("it is in another queue")
		}
		if served != 1 {
			t.Errorf("the scheduler counts %v pods in backoff, want %s alone", served, name)
		}
		if !strings.Contains(pod.Why, "not today") || pod.Attempts < 1 {
			t.Errorf("%+v", pod)
		}
		return nil
	})
}

// refuseBinding returns when the API server refuses to bind the pod.
func (p *plane) refuseBinding(t *testing.T, pod string) {
	t.Helper()
	policies := p.client.AdmissionregistrationV1()
	_, err := policies.ValidatingAdmissionPolicies().Create(bounded(t), &admission.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "unbound"},
		Spec: admission.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admission.MatchResources{ResourceRules: []admission.NamedRuleWithOperations{{
				RuleWithOperations: admission.RuleWithOperations{
					Operations: []admission.OperationType{admission.Create},
					Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/binding"}},
				},
			}}},
			Validations: []admission.Validation{{Expression: "object.metadata.name != '" + pod + "'", Message: "not today"}},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(bounded(t), &admission.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "unbound"},
		Spec: admission.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: "unbound", ValidationActions: []admission.ValidationAction{admission.Deny},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	eventually(t, "policy", func() error {
		// There is no such pod yet, which is found out later.
		err := p.client.CoreV1().Pods("default").Bind(bounded(t), &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod}, Target: corev1.ObjectReference{Kind: "Node", Name: "small"},
		}, metav1.CreateOptions{})
		if err == nil || strings.Contains(err.Error(), "not today") {
			return nil
		}
		return err
	})
}

func checkWorkQueues(t *testing.T, p *plane) {
	before, err := WorkQueues()
	p.must(err)
	families := p.metrics(t, p.ControllerManager.endpoint)
	after, err := WorkQueues()
	p.must(err)
	if len(before) < 20 || len(after) < len(before) {
		t.Fatalf("%d queues, then %d", len(before), len(after))
	}
	for i, q := range before {
		served := int(value(families, "workqueue_adds_total", "name", q.Name))
		if q.Adds > served || served > after[i].Adds {
			t.Errorf("%s: %d added, then %d served, then %d", q.Name, q.Adds, served, after[i].Adds)
		}
		retried := int(value(families, "workqueue_retries_total", "name", q.Name))
		if q.Retries > retried || retried > after[i].Retries {
			t.Errorf("%s: %d retried, then %d served, then %d", q.Name, q.Retries, retried, after[i].Retries)
		}
	}
}

// checkDepth has a queue of its own, of which nobody else takes: three are put into it, and one
// is worked on.
func checkDepth(t *testing.T, p *plane) {
	const name = "waiting"
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(workqueue.DefaultTypedControllerRateLimiter[string](),
		workqueue.TypedRateLimitingQueueConfig[string]{Name: name})
	defer queue.ShutDown()
	for _, item := range []string{"a", "b", "c"} {
		queue.Add(item)
	}
	item, _ := queue.Get()
	defer queue.Done(item)
	list, err := WorkQueues()
	p.must(err)
	served := value(p.metrics(t, p.ControllerManager.endpoint), "workqueue_depth", "name", name)
	i := slices.IndexFunc(list, func(q trace.WorkQueue) bool { return q.Name == name })
	if i < 0 || list[i].Depth != 2 || list[i].Adds != 3 || served != 2 {
		t.Errorf("two of three wait; %v are served, told are %+v", served, list)
	}
}

// checkFailure makes a StatefulSet whose pods the API server refuses: its controller says so in
// the set's events, and tries again.
func checkFailure(t *testing.T, p *plane) {
	ctx := bounded(t)
	labels := map[string]string{"app": "refused"}
	made, err := p.client.AppsV1().StatefulSets("default").Create(ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "refused"},
		Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: refusedPods(labels),
		},
	}, metav1.CreateOptions{})
	p.must(err)
	failed := p.seen(t, "the failure", func(e trace.Event) bool {
		return e.Component == controllerManagerName && e.Verb == "fail" && e.Fields["value.key"] == "default/"+made.Name
	})
	why := strings.ReplaceAll(failed.Fields["value.err"], `\"`, `"`)
	if failed.Actor != "statefulset-controller" || why == "" {
		t.Errorf("%+v", failed)
	}
	watch, err := p.client.CoreV1().Events("default").Watch(ctx, metav1.ListOptions{
		FieldSelector: "reason=FailedCreate,involvedObject.uid=" + string(made.UID), ResourceVersion: "0",
	})
	p.must(err)
	defer watch.Stop()
	said, ok := (<-watch.ResultChan()).Object.(*corev1.Event)
	if !ok || !strings.Contains(said.Message, why) {
		t.Errorf("told %q, the event says %+v", why, said)
	}
	queues, err := WorkQueues()
	p.must(err)
	if i := slices.IndexFunc(queues, func(q trace.WorkQueue) bool { return q.Name == "statefulset" }); i < 0 || queues[i].Retries == 0 {
		t.Errorf("no retry is told of: %+v", queues)
	}
}

// refusedPods are such that the API server refuses: there is no such service account.
func refusedPods(labels map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{ServiceAccountName: "nobody", Containers: []corev1.Container{{Name: "c", Image: "none"}}},
	}
}

// checkFailureWithoutContext makes a ReplicaSet whose pods are refused: its controller reports
// errors by upstream's older way, in which nobody says whose they are.
func checkFailureWithoutContext(t *testing.T, p *plane) {
	labels := map[string]string{"app": "refused-too"}
	_, err := p.client.AppsV1().ReplicaSets("default").Create(bounded(t), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "refused-too"},
		Spec: appsv1.ReplicaSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: refusedPods(labels),
		},
	}, metav1.CreateOptions{})
	p.must(err)
	failed := p.seen(t, "the failure of the ReplicaSet", func(e trace.Event) bool {
		return e.Component == controllerManagerName && e.Verb == "fail" && strings.Contains(e.Fields["value.err"], "default/refused-too")
	})
	source, _, _ := strings.Cut(failed.Fields["source"], ":")
	if failed.Actor != "replicaset-controller" || source != "replicaset/replica_set.go" || failed.Fields["message"] != "Unhandled Error" {
		t.Errorf("%+v", failed)
	}
	log, err := os.ReadFile(p.config.Logs.Path(controllerManagerName))
	if err != nil || !strings.Contains(string(log), "default/refused-too") {
		t.Errorf("the log does not tell of it: %v", err)
	}
}

func checkControllers(t *testing.T, p *plane) {
	replicas := int32(2)
	labels := map[string]string{"app": "web"}
	made, err := p.client.AppsV1().Deployments("default").Create(bounded(t), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}}},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	says := func(controller, message, kind, name string) trace.Event {
		return p.seen(t, controller+" saying "+message, func(e trace.Event) bool {
			return e.Component == controllerManagerName && e.Actor == controller && e.Fields["message"] == message &&
				e.Object.Kind == kind && e.Object.Namespace == "default" && strings.HasPrefix(e.Object.Name, name)
		})
	}
	woken := says("deployment-controller", "Adding deployment", "Deployment", made.Name)
	few := says("replicaset-controller", "Too few replicas", "ReplicaSet", made.Name)
	if few.Seq < woken.Seq || few.Fields["value.need"] != "2" || few.Fields["value.creating"] != "2" {
		t.Errorf("%+v after %+v", few, woken)
	}
	says("replicaset-controller", "Finished syncing", "ReplicaSet", made.Name)
	sets, err := p.client.AppsV1().ReplicaSets("default").List(bounded(t), metav1.ListOptions{})
	p.must(err)
	if len(sets.Items) != 1 || sets.Items[0].Name != few.Object.Name {
		t.Errorf("it speaks of %s, there is %v", few.Object.Name, sets.Items)
	}
}
