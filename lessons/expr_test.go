package lessons

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// cluster is a state made of YAML, one list a resource.
type cluster struct {
	objects  map[string][]map[string]any
	commands []Command
}

func (c cluster) Objects(gvr schema.GroupVersionResource) []map[string]any {
	return c.objects[gvr.Resource]
}

func (c cluster) Object(gvr schema.GroupVersionResource, namespace, name string) map[string]any {
	for _, o := range c.objects[gvr.Resource] {
		if field(o, "metadata", "name") == name && field(o, "metadata", "namespace") == namespace {
			return o
		}
	}
	return nil
}

func (c cluster) Commands() []Command { return c.commands }

// TestResourcesAreServed keeps names from meaning groups that are long gone.
func TestResourcesAreServed(t *testing.T) {
	for name, group := range map[string]string{"ingresses": "networking.k8s.io", "deployments": "apps", "events": "", "networkpolicies": "networking.k8s.io"} {
		if res, err := FindResource(name); err != nil || res.Group != group {
			t.Errorf("%s is of the group %q (%v), want %q", name, res.Group, err, group)
		}
	}
}

// TestStableVersionsAreWatched keeps lessons from waiting for versions that no server serves.
func TestStableVersionsAreWatched(t *testing.T) {
	for _, name := range []string{"priorityclasses", "certificatesigningrequests", "validatingadmissionpolicies", "leases"} {
		if res, err := FindResource(name); err != nil || res.Version != "v1" {
			t.Errorf("%s is watched in version %q (%v), want v1", name, res.Version, err)
		}
	}
}

func (c cluster) Probe(string) Answer {
	return Answer{OK: true, Processes: []map[string]any{{"container": "web", "pid": int64(1), "command": "serve", "cgroup": "/kubepods/x"}}}
}
func (c cluster) Component(string) string { return "" }

func (cluster) Looks() []Look       { return nil }
func (cluster) Rules(RulesOf) Rules { return Rules{} }

func (c cluster) Attempts() int { return 2 }

func (c cluster) Attempt(_, name string) *Attempt {
	if name != "bad" {
		return nil
	}
	return &Attempt{Error: "no", Count: 2, Nodes: []map[string]any{{"node": "node-1", "fits": false, "plugin": "NodeAffinity", "reasons": []any{"said no"}}}}
}

func aCluster(t *testing.T) cluster {
	t.Helper()
	c := cluster{commands: []Command{
		{Line: "kubectl get po web -owide", Output: "web 1/1 Running"},
		{Line: "kubectl delete pod web", Exit: 1, Output: "no"},
	}}
	err := yaml.Unmarshal([]byte(`
pods:
- metadata: {name: bad, namespace: default}
  spec: {nodeName: node-2, containers: [{image: "x:9"}]}
  status:
    phase: Pending
    conditions: [{type: Ready, status: "False", message: containers with unready status}]
    containerStatuses: [{state: {waiting: {reason: ImagePullBackOff, message: manifest unknown}}}]
- metadata:
    name: dns
    namespace: kube-system
    ownerReferences: [{kind: ReplicaSet, name: coredns-1, controller: true}]
  status: {phase: Running}
- metadata: {name: web, namespace: default}
  spec: {nodeName: node-1, containers: [{image: "kubarium/web:1.0"}]}
  status: {phase: Running, podIP: 10.244.1.5, conditions: [{type: Ready, status: "True"}]}
nodes:
- metadata: {name: node-1}
  status: {conditions: [{type: Ready, status: "True"}]}
events:
- metadata: {name: e2, creationTimestamp: "2026-01-01T00:00:02Z"}
  involvedObject: {kind: Pod, namespace: default, name: web}
  reason: Started
- metadata: {name: e1, creationTimestamp: "2026-01-01T00:00:01Z"}
  involvedObject: {kind: Pod, namespace: default, name: web}
  reason: Scheduled
- metadata: {name: e3, creationTimestamp: "2026-01-01T00:00:01Z"}
  involvedObject: {kind: Node, namespace: default, name: web}
  reason: Other
`), &c.objects)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConditions(t *testing.T) {
	lesson := &Lesson{Let: []Let{
		{Name: "web", Expr: Expr{Source: `pod("web")`}},
		{Name: "ip", Expr: Expr{Source: `web.?status.podIP.orValue("")`}},
	}}
	e, err := NewEval(lesson, aCluster(t))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		expr string
		want bool
	}{
		{`web.hasValue() && ready(web)`, true},
		{`pod("nobody").hasValue()`, false},
		{`ready(pod("nobody"))`, false},
		{`ready(pod("bad"))`, false},
		{`ip.startsWith("10.244.")`, true},
		{`exists("pods", "kube-system", "dns")`, true},
		{`exists("pods", "default", "dns")`, false},
		{`object("pods", "default", "web").?spec.nodeName == optional.of("node-1")`, true},
		{`size(objects("pods")) == 3 && size(objects("pods", "default")) == 2`, true},
		{`objects("pods").exists(p, p.metadata.name == "web")`, true},
		{`ready(node("node-1")) && condition(node("node-1"), "Ready") == "True"`, true},
		{`node("node-9").hasValue()`, false},
		{`events("pods", "default", "web").map(e, e.reason) == ["Scheduled", "Started"]`, true},
		{`status(pod("bad")) == "ImagePullBackOff" && why(pod("bad")) == "manifest unknown"`, true},
		{`status(web) == "Running" && status(pod("nobody")) == "not there"`, true},
		{`owner(object("pods", "kube-system", "dns")) == "ReplicaSet/coredns-1" && owner(web) == ""`, true},
		{`typed("kubectl get pods -o wide")`, true},
		{`typed("kubectl delete pod web")`, false},
		{`attempts() == 2`, true},
		{`scheduling("web").hasValue()`, false},
		{`scheduling("bad").?count.orValue(0) == 2 && scheduling("bad").?node.orValue("x") == ""`, true},
		{`scheduling("bad").?nodes.orValue([]).filter(n, !n.fits && n.?plugin.orValue("") == "NodeAffinity").size() == 1`, true},
		{`probe("p").processes.exists(x, x.container == "web" && string(x.cgroup).contains("kubepods"))`, true},
		{`commands().exists(c, c.exit == 1 && c.words[1] == "delete" && c.output == "no")`, true},
	}
	for _, test := range tests {
		got, err := e.Bool(Expr{Source: test.expr})
		if err != nil || got != test.want {
			t.Errorf("%s is %v, %v", test.expr, got, err)
		}
	}
}

func TestMissingFieldIsAnError(t *testing.T) {
	e, err := NewEval(&Lesson{}, aCluster(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Bool(Expr{Source: `pod("web").value().status.hostIP == "x"`}); got || err == nil {
		t.Errorf("a field that is not there is %v, %v", got, err)
	}
}

func TestText(t *testing.T) {
	e, err := NewEval(&Lesson{}, aCluster(t))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ text, want string }{
		{"plain", "plain"},
		{`{{ size(objects("pods")) }} pods, {{ pod("web").spec.nodeName }}`, "3 pods, node-1"},
		{`{{ objects("pods").map(p, p.metadata.name) }}`, "bad, dns, web"},
		{`{{ objects("pods").filter(p, p.metadata.name == "x").map(p, p.metadata.name) }}`, "none"},
		{`it is {{ pod("nobody").spec.nodeName }}`, "it is none"},
		{`it is {{ pod("web").value().no.such }}`, "it is ?"},
	}
	for _, test := range tests {
		if got := e.Text(Text{Source: test.text}); got != test.want {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}

// TestCostIsBounded proves that an expression cannot hang the app.
func TestCostIsBounded(t *testing.T) {
	e, err := NewEval(&Lesson{}, aCluster(t))
	if err != nil {
		t.Fatal(err)
	}
	list := "[0,1,2,3,4,5,6,7,8,9]"
	bomb := "true"
	for range 8 {
		bomb = list + ".all(x, " + bomb + ")"
	}
	if _, err := e.Bool(Expr{Source: bomb}); err == nil {
		t.Error("ten to the eighth steps were evaluated to the end")
	}
}

func TestSameCommand(t *testing.T) {
	tests := []struct {
		pattern, line string
		want          bool
	}{
		{"kubectl get pods", "kubectl get po", true},
		{"kubectl get pods", "k get pod -A", true},
		{"kubectl get pods", "kubectl get nodes", false},
		{"kubectl get pods", "kubectl describe pods", false},
		{"kubectl get pods -o wide", "kubectl get pods", false},
		{"kubectl get pods -o wide", "kubectl get pod web --output=wide", true},
		{"kubectl get pods -o wide", "kubectl get pods -o yaml", false},
		{"kubectl describe pod web", "kubectl describe pod/web", true},
		{"kubectl describe pod web", "kubectl describe pod other", false},
		{"kubectl get pods -n kube-system", "kubectl -n kube-system get pods", true},
		{"kubectl run web --image=a:1", "kubectl run web --image a:1 --port 80", true},
		{"kubectl apply -f hello.yaml", "kubectl apply -f 'hello.yaml'", true},
		{"kubectl get pods", "echo kubectl get pods", false},
		{"kubectl get pods", "kubectl get pods 'open", false},
	}
	for _, test := range tests {
		if got := SameCommand(test.pattern, test.line); got != test.want {
			t.Errorf("%q and %q: %v", test.pattern, test.line, got)
		}
	}
}

func TestCustomResourcesAreNamedAsServersNameThem(t *testing.T) {
	for kind, want := range map[string]string{"Gateway": "gateways", "HTTPRoute": "httproutes", "Policy": "policies", "Pizza": "pizzas"} {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": kind}}
		if got := ResourceOf(o).Resource; got != want {
			t.Errorf("%s is taken for %s, want %s", kind, got, want)
		}
	}
}
