package gauge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/trace"
)

func request(verb, agent, stage, latency string) trace.Event {
	return trace.Event{Component: apiServer, Verb: verb, Agent: agent, Fields: map[string]string{"stage": stage, "latency": latency}}
}

func TestTrafficIsCountedOnce(t *testing.T) {
	store := trace.NewStore()
	store.Add(request("get", "early/1", "ResponseComplete", "1ms")) // before anybody looked
	tr := newTraffic(store)
	own := request("get", tr.program+"/v1", "ResponseComplete", "2ms")
	own.Actor = "system:serviceaccount:kube-system:deployment-controller"
	store.Add(own)
	store.Add(request("get", "kubectl/v1", "ResponseComplete", "8ms"))
	store.Add(request("get", "kubectl/v1", "ResponseComplete", "4ms"))
	store.Add(request("watch", "kubectl/v1", "ResponseStarted", "1ms"))
	store.Add(request("watch", "kubectl/v1", "ResponseComplete", "1h"))
	node := request("patch", "kubelet/v1", "ResponseComplete", "3ms")
	node.Actor = "system:node:node-2"
	store.Add(node)
	store.Add(trace.Event{Component: etcd, Verb: "create", Object: trace.Object{Resource: "pods"}})
	store.Add(trace.Event{Component: scheduler, Verb: "refuse", Fields: map[string]string{"latency": "5ms"}})

	v := tr.measure(2 * time.Second)
	for _, c := range []struct {
		group Group
		name  string
		want  float64
	}{
		{Requests, "get", 1.5},
		{Requests, "watch", 0.5},
		{Requests, "patch", 0.5},
		{Clients, "kubectl", 1.5},
		{Clients, "node-2", 0.5},
		{Clients, controllers, 0.5},
		{Clients, "early", 0},
		{Writes, "pods", 0.5},
		{Attempts, "no node", 0.5},
		{Attempts, "placed", 0},
		{Latency, "API server worst", 0.008},
		{Latency, "API server median", 0.004},
		{Latency, "scheduler worst", 0.005},
	} {
		if got := v[c.group][c.name]; got != c.want {
			t.Errorf("%s of %s is %v, want %v", c.group, c.name, got, c.want)
		}
	}
	if got := tr.rates(); got[apiServer] != 2.5 || got[etcd] != 0.5 || got[controllers] != 0.5 {
		t.Errorf("the rates are %v", got)
	}
	if v := tr.measure(time.Second); len(v) != 0 {
		t.Errorf("what was counted is counted again: %v", v)
	}
}

func TestSeriesHaveTheSameLength(t *testing.T) {
	h := newHistory(time.Second)
	for i := range 3 * kept {
		v := Values{}
		v.add(Requests, "get", 1)
		if i == kept {
			v.add(Requests, "delete", 7)
		}
		h.push(v)
		for name, s := range h.Series[Requests] {
			if want := min(i+1, kept); len(s) != want {
				t.Fatalf("after %d steps %s has %d values", i+1, name, len(s))
			}
		}
	}
	if _, there := h.Series[Requests]["delete"]; there {
		t.Error("a series of zeros goes on for ever")
	}
	c := h.copy()
	h.push(Values{})
	if n := len(c.Series[Requests]["get"]); c.Series[Requests]["get"][n-1] != 1 {
		t.Error("a copy changes with what it was made of")
	}
}

func TestRatesChangeOnlyIfItIsWorthALook(t *testing.T) {
	for _, c := range []struct {
		before, now float64
		want        bool
	}{{10, 11, false}, {10, 14, false}, {10, 16, true}, {10, 6, true}, {0, 0.5, false}, {0, 2, true}, {1000, 1200, false}} {
		if got := differs(c.before, c.now); got != c.want {
			t.Errorf("from %v to %v is a change: %t", c.before, c.now, got)
		}
	}
}

// server answers as an API server does, whose counter grows with each question.
func server(t *testing.T) rest.Interface {
	t.Helper()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := map[string]string{
			"/apis/metrics.k8s.io/v1beta1/nodes": `{"items":[{"metadata":{"name":"node-1"},"usage":{"cpu":"250m","memory":"512Mi"}}]}`,
			"/apis/metrics.k8s.io/v1beta1/pods":  `{"items":[{"metadata":{"name":"web","namespace":"shop"},"containers":[{"usage":{"cpu":"10m","memory":"1Mi"}},{"usage":{"cpu":"5m","memory":"2Mi"}}]}]}`,
			"/metrics":                           "# HELP x\nworkqueue_adds_total{name=\"deployment\"} 10\napiserver_request_total{code=\"200\",verb=\"GET\"} 4\napiserver_request_total{code=\"404\",verb=\"GET\"} 1\nother 5\n",
		}
		if asked++; r.URL.Path == "/metrics" && asked > 3 {
			answers["/metrics"] = "workqueue_adds_total{name=\"deployment\"} 1.4e+02\n"
		}
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client.Discovery().RESTClient()
}

func TestUsageIsReadFromTheMetricsAPI(t *testing.T) {
	f := New(nil, server(t), "")
	if !f.use(t.Context()) {
		t.Error("the first word of a node is no news")
	}
	if got := f.report(false).Pods["shop/web"]; got.Cores() != "15m" || got.Size() != "3Mi" {
		t.Errorf("the pod uses %s, %s", got.Cores(), got.Size())
	}
	if got := f.report(false).Nodes["node-1"]; got != (Use{CPU: 0.25, Memory: 512 << 20}) {
		t.Errorf("the node uses %v", got)
	}
	if got := f.usage.Series[PodMemory]["shop/web"]; len(got) != 1 || got[0] != 3<<20 {
		t.Errorf("the pod uses %v", got)
	}
	if f.use(t.Context()) {
		t.Error("the same once more is news")
	}
	data := readCounters([]byte("apiserver_request_total{code=\"200\",verb=\"GET\"} 4\napiserver_request_total{code=\"404\",verb=\"GET\"} 1\n"), true)
	if data[Requests]["get"] != 5 {
		t.Errorf("requests are %v", data[Requests])
	}
}

func TestCountersBecomeRates(t *testing.T) {
	f := New(nil, server(t), "")
	f.count(t.Context())
	if len(f.counted.Series) != 0 {
		t.Fatal("the API server was asked though nobody looks")
	}
	f.Want(true)
	for range 4 {
		f.count(t.Context())
	}
	if s := f.counted.Series[Reconciles]["deployment"]; len(s) == 0 || s[len(s)-1] <= 0 {
		t.Errorf("a counter that grows has the rates %v", s)
	}
}

// TestWhoMaySeeOneNamespaceOnly asks as somebody who is refused all else.
func TestWhoMaySeeOneNamespaceOnly(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods" {
			_, _ = w.Write([]byte(`{"items":[{"metadata":{"name":"web","namespace":"shop"},"containers":[{"usage":{"cpu":"10m","memory":"1Mi"}}]}]}`))
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`))
	}))
	defer s.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	f := New(nil, client.Discovery().RESTClient(), "shop")
	f.Want(true)
	f.use(t.Context())
	f.count(t.Context())
	if got := f.usage.Series[PodMemory]["shop/web"]; len(got) != 1 || got[0] != 1<<20 {
		t.Errorf("the pod uses %v", got)
	}
	r := f.report(true)
	for what, err := range map[string]error{"nodes": r.Err, "counters": r.CounterErr} {
		if err == nil || !strings.Contains(Why(err, what), "no right to read "+what) {
			t.Errorf("of %s is said: %v", what, err)
		}
	}
	if r.PodErr != nil || r.Traced {
		t.Errorf("the report is %+v", r)
	}
}

// TestCountersTellOfOthersClusters reads what taps see of a cluster of our own.
func TestCountersTellOfOthersClusters(t *testing.T) {
	at := func(n int) string {
		return fmt.Sprintf("apiserver_request_duration_seconds_sum{verb=\"GET\"} %d\napiserver_request_duration_seconds_count{verb=\"GET\"} %d\n"+
			"apiserver_request_duration_seconds_sum{verb=\"WATCH\"} %d\netcd_requests_total{group=\"\",operation=\"update\",resource=\"pods\"} %d\n"+
			"etcd_requests_total{group=\"\",operation=\"get\",resource=\"pods\"} 1\n", n, 4*n, 1000*n, 2*n)
	}
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		_, _ = w.Write([]byte(at(n)))
	}))
	defer s.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	var c counters
	if v, err := c.measure(t.Context(), client.Discovery().RESTClient(), true); err != nil || len(v) > 0 {
		t.Errorf("the first word has rates: %v, %v", v, err)
	}
	v, err := c.measure(t.Context(), client.Discovery().RESTClient(), true)
	if err != nil {
		t.Fatal(err)
	}
	if got := v[Latency][ServerMean]; got < 0.249 || got > 0.251 {
		t.Errorf("a mean answer takes %v s", got)
	}
	if v[Writes]["pods"] <= 0 || len(v[Writes]) != 1 || len(v) != 2 {
		t.Errorf("the rates are %v", v)
	}
}

func TestReportsHaveHistoryOnlyIfWanted(t *testing.T) {
	store := trace.NewStore()
	f := New(store, nil, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan Report)
	go f.Run(ctx, func(r Report) {
		select {
		case got <- r:
		case <-ctx.Done():
		}
	})
	store.Add(request("get", "kubectl/v1", "ResponseComplete", "2ms"))
	first := <-got
	if first.Traffic != nil || first.Rates[apiServer] == 0 {
		t.Errorf("the first report is %+v", first)
	}
	f.Want(true)
	if r := <-got; r.Traffic == nil {
		t.Error("the history is wanted and not in the report")
	}
}

func TestClientsAreNamedByWhatTheyAre(t *testing.T) {
	tr := newTraffic(trace.NewStore())
	for _, c := range []struct{ actor, agent, want string }{
		{"system:node:node-1", "kubarium-agent/v1", "node-1"},
		{"system:apiserver", tr.program + "/v1", apiServer},
		{"system:kube-scheduler", tr.program + "/v1", scheduler},
		{"system:kube-controller-manager", tr.program + "/v1", controllers},
		{"system:serviceaccount:kube-system:replicaset-controller", tr.program + "/v1", controllers},
		{"system:serviceaccount:kube-system:coredns", "CoreDNS/1.15.0", "CoreDNS"},
		{"system:serviceaccount:traefik:traefik", "traefik/3.7.5", "traefik"},
		{"kubarium:network-policy:node-2", "kubarium-agent/v1", "network-policy"},
		{"kubernetes-admin", tr.program + "/v1", "this app"},
		{"kubernetes-admin", "kubectl/v1", "kubectl"},
		{"", "", "unnamed"},
	} {
		if got := tr.client(trace.Event{Actor: c.actor, Agent: c.agent}); got != c.want {
			t.Errorf("%s, %s is named %s, want %s", c.actor, c.agent, got, c.want)
		}
	}
}

// TestWhatSwaysIsNoNews has a pod's use change by little, by much, and the metrics go away.
func TestWhatSwaysIsNoNews(t *testing.T) {
	m := podMeter()
	at := func(cpu, memory float64) bool {
		return m.take(map[string]float64{"shop/web": cpu}, map[string]float64{"shop/web": memory}, nil)
	}
	if m.take(nil, nil, nil); m.uses == nil {
		t.Error("a metrics server that knows no pods is one")
	}
	for _, c := range []struct {
		cpu, memory float64
		want        bool
	}{{0.010, 100 << 20, true}, {0.012, 101 << 20, false}, {0.008, 99 << 20, false}, {0.0135, 100 << 20, true}, {0.0135, 103 << 20, true}, {1, 103 << 20, true}, {1.09, 103 << 20, false}} {
		if got := at(c.cpu, c.memory); got != c.want {
			t.Errorf("%v, %v is news: %t", c.cpu, c.memory, got)
		}
	}
	shown := m.uses
	if at(1, 103<<20); len(shown) != 1 || !m.take(map[string]float64{}, nil, nil) || len(shown) != 1 {
		t.Error("that a pod is gone is no news, or changes what somebody looks at")
	}
	at(1, 1)
	if m.take(nil, nil, errors.New("timeout")); m.uses == nil {
		t.Error("one late answer takes the numbers away")
	}
	if m.told = m.told.Add(-2 * patience); !m.take(nil, nil, errors.New("timeout")) || m.uses != nil {
		t.Error("old numbers stay")
	}
	at(1, 1)
	if !m.take(nil, nil, apierrors.NewNotFound(schema.GroupResource{}, "")) || m.uses != nil {
		t.Error("numbers stay though nobody measures any more")
	}
}

// TestManyPodsAreAskedForSeldom counts the questions about a crowd.
func TestManyPodsAreAskedForSeldom(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/pods") {
			_, _ = w.Write([]byte(`{}`))
			return
		}
		asked++
		var items []string
		for n := range manyPods {
			items = append(items, fmt.Sprintf(`{"metadata":{"name":"p%d"},"containers":[{"usage":{"cpu":"1m","memory":"1Mi"}}]}`, n))
		}
		_, _ = w.Write([]byte(`{"items":[` + strings.Join(items, ",") + `]}`))
	}))
	defer s.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	f := New(nil, client.Discovery().RESTClient(), "")
	for range 2 * seldomStep {
		f.use(t.Context())
	}
	if asked != 2 || len(f.report(false).Pods) != manyPods || len(f.usage.Series[PodCPU]) > 0 {
		t.Errorf("asked %d times for %d pods, %d kept", asked, len(f.report(false).Pods), len(f.usage.Series[PodCPU]))
	}
}
