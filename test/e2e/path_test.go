package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/inspect"
)

// TestInsidePath sends packets between pods of two nodes, and compares their ways with the
// kernel's connection tracking, its rules and its interfaces.
func TestInsidePath(t *testing.T) {
	ns := shared.namespace(t)
	shared.runOn(t, ns, "client", "node-1", "kubarium/toolbox:1.0")
	shared.runOn(t, ns, "web", "node-2", "kubarium/web:1.0")
	shared.kubectl(t, "-n", ns, "expose", "pod", "web", "--port=80", "--target-port=8080")
	address := func(name string) string {
		pod, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return pod.Status.PodIP
	}
	service, err := shared.client.CoreV1().Services(ns).Get(bounded(t), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client, web, virtual := address("client"), address("web")+":8080", service.Spec.ClusterIP+":80"
	// kube-proxy may not have heard of the endpoint at first.
	believe(t, func(ctx context.Context) (inspect.Path, error) { return wayOf(ctx, t, ns, "client", "svc/web:80"), nil }, func(_ context.Context, way inspect.Path) error {
		if !way.Connected || !strings.HasPrefix(way.Source, client+":") || way.Target != virtual || len(way.Unseen) > 0 {
			return fmt.Errorf("from %s to %s, want %s to %s; error %q, unseen: %v", way.Source, way.Target, client, virtual, way.Error, way.Unseen)
		}
		return errors.Join(sameTracked(t, way, web), sameWay(t, ns, way, virtual, web), sameAnswer(ns, way, virtual, web), sameMet(t, way))
	}, wayLies()...)
	t.Run("refused", func(t *testing.T) {
		refused := wayOf(bounded(t), t, ns, "client", "pod/web:81")
		if refused.Connected || !strings.Contains(refused.Error, "refused") || len(refused.Back) == 0 || refused.Back[0].Where != "pod "+ns+"/web" {
			t.Errorf("a closed port: %+v", refused)
		}
	})
	t.Run("datagram", func(t *testing.T) { wayOfDatagram(t, ns, client) })
	t.Run("network of the node", func(t *testing.T) { wayFromNode(t, ns, virtual, web) })
	t.Run("node port", func(t *testing.T) { wayFromOutside(t, ns, web) })
	for _, node := range []string{"node-1", "node-2", "node-3"} {
		out, err := exec.Command("nsenter", "-t", fmt.Sprint(shared.machine(t, node)), "-n", "nft", "list", "tables").CombinedOutput()
		if err != nil || strings.Contains(string(out), "kubarium-path") {
			t.Errorf("%s is left with %s (%v)", node, out, err)
		}
	}
}

// wayOfDatagram asks the cluster's DNS, and compares the way with what the sender's node tracks.
func wayOfDatagram(t *testing.T, ns, client string) {
	dns, err := shared.client.CoreV1().Services("kube-system").Get(bounded(t), "kube-dns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	virtual := dns.Spec.ClusterIP + ":53"
	way := wayOf(bounded(t), t, ns, "client", "svc/kube-dns.kube-system:53/udp")
	if way.Protocol != "udp" || !way.Connected || way.Target != virtual || !strings.HasPrefix(way.Source, client+":") || len(way.Back) == 0 || len(way.Unseen) > 0 {
		t.Fatalf("a question to DNS: %+v", way)
	}
	answers := tracked(t, "node-1", "udp", way.Source, virtual)
	first, last := way.There[0], way.There[len(way.There)-1]
	if first.Where != "pod "+ns+"/client" || first.To != virtual || !strings.HasPrefix(last.Where, "pod kube-system/coredns-") || last.To != answers.from || last.From != way.Source {
		t.Errorf("the kernel tracks answers from %s, and the way is %+v", answers.from, way.There)
	}
	first, last = way.Back[0], way.Back[len(way.Back)-1]
	if !strings.HasPrefix(first.Where, "pod kube-system/coredns-") || first.From != answers.from || last.Where != "pod "+ns+"/client" || last.From != virtual || last.To != way.Source {
		t.Errorf("the answer's way is %+v", way.Back)
	}
	if way.Tracked == nil || way.Tracked.ReplyFrom.String() != answers.from {
		t.Errorf("tracked: %+v, want answers from %s", way.Tracked, answers.from)
	}
	silent := wayOf(bounded(t), t, ns, "client", "pod/web:9/udp")
	if silent.Connected || len(silent.There) < 3 || silent.There[len(silent.There)-1].Where != "pod "+ns+"/web" {
		t.Errorf("a datagram to a port where nobody listens: %+v", silent)
	}
}

// wayFromNode sends from a pod on its node's network: rules translate before it leaves.
func wayFromNode(t *testing.T, ns, virtual, web string) {
	shared.kubectl(t, "-n", ns, "run", "onhost", "--image=kubarium/toolbox:1.0", "--overrides", `{"spec":{"nodeName":"node-1","hostNetwork":true,"terminationGracePeriodSeconds":1}}`)
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/onhost", "--timeout=60s")
	for _, from := range []string{"onhost", "node/node-1"} {
		way := wayOf(bounded(t), t, ns, from, "svc/web:80")
		if !way.Connected || way.Target != virtual || len(way.Unseen) > 0 {
			t.Fatalf("from %s: %+v", from, way)
		}
		answers := tracked(t, "node-1", "tcp", way.Source, virtual)
		first, last := way.There[0], way.There[len(way.There)-1]
		if first.Where != "node-1" || !first.Out || first.From != way.Source || first.To != virtual || len(first.Rules) == 0 {
			t.Errorf("from %s: it begins with %+v", from, first)
		}
		if last.Where != "pod "+ns+"/web" || last.To != web || last.From != answers.to || answers.from != web {
			t.Errorf("from %s: the kernel tracks answers from %s to %s, and it ends with %+v", from, answers.from, answers.to, last)
		}
		if at := slices.IndexFunc(way.There, func(h inspect.Hop) bool { return h.Where == "node-1" && h.Out && h.Link != "" }); at < 0 || way.There[at].To != web || len(way.There[at].Changes) == 0 {
			t.Errorf("from %s: it is not seen to be translated before it leaves: %+v", from, way.There)
		}
		if err := errors.Join(sameMet(t, way)); err != nil {
			t.Errorf("from %s: %v", from, err)
		}
	}
}

// wayFromOutside compares the way to a node port with what the node tracks of a request that
// this machine makes to the port, as a user does.
func wayFromOutside(t *testing.T, ns, web string) {
	if out, code := shared.try(t, "inspect", "path", "outside", "svc/web", "-n", ns); code == 0 || !strings.Contains(out, "has no node port") {
		t.Errorf("a service without a node port: %s", out)
	}
	shared.kubectl(t, "-n", ns, "patch", "service", "web", "-p", `{"spec":{"type":"NodePort"}}`)
	service, err := shared.client.CoreV1().Services(ns).Get(bounded(t), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(service.Spec.Ports[0].NodePort)
	eventually(t, "the node port", func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--max-time", "5", "http://127.0.0.1:"+port+"/").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	way := wayOf(bounded(t), t, ns, "outside", "svc/web")
	if !way.Connected || !strings.HasSuffix(way.Target, ":"+port) || len(way.Unseen) > 0 || way.Tracked == nil {
		t.Fatalf("from outside: %+v", way)
	}
	node := way.There[slices.IndexFunc(way.There, func(h inspect.Hop) bool { return strings.HasPrefix(h.Where, "node-") })].Where
	answers := tracked(t, node, "tcp", way.Source, way.Target)
	last := way.There[len(way.There)-1]
	if answers.from != web || last.Where != "pod "+ns+"/web" || last.To != web || last.From != answers.to {
		t.Errorf("%s tracks answers from %s to %s, and it ends with %+v", node, answers.from, answers.to, last)
	}
	// The user's request came from the same address, to the same port of a node, and went on to the same pod.
	router, _, _ := strings.Cut(way.Source, ":")
	users := false
	for _, name := range nodeNames {
		for _, line := range conntrack(t, name) {
			users = users || strings.Contains(line, "src="+router+" ") && strings.Contains(line, "dport="+port+" ") &&
				strings.Contains(line, "src="+strings.Split(web, ":")[0]+" ") && !strings.Contains(line, "sport="+strings.Split(way.Source, ":")[1]+" ")
		}
	}
	if !users {
		t.Errorf("no node tracks the user's request from %s to port %s", router, port)
	}
}

// reply is between which addresses a node expects the answers of a connection.
type reply struct{ from, to string }

// tracked is what the kernel of a node expects as an answer.
func tracked(t *testing.T, node, protocol, source, target string) reply {
	t.Helper()
	from, port, _ := strings.Cut(source, ":")
	to, toPort, _ := strings.Cut(target, ":")
	began := fmt.Sprintf("src=%s dst=%s sport=%s dport=%s ", from, to, port, toPort)
	answer := regexp.MustCompile(`src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)`)
	for _, line := range conntrack(t, node) {
		if fields := strings.Fields(line); len(fields) < 3 || fields[2] != protocol || !strings.Contains(line, began) {
			continue
		}
		if both := answer.FindAllStringSubmatch(line, -1); len(both) == 2 {
			return reply{from: both[1][1] + ":" + both[1][3], to: both[1][2] + ":" + both[1][4]}
		}
	}
	t.Fatalf("%s tracks nothing that begins with %s %s", node, protocol, began)
	return reply{}
}

func conntrack(t *testing.T, node string) []string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/nf_conntrack", shared.machine(t, node)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

func wayOf(ctx context.Context, t *testing.T, ns, from, to string) inspect.Path {
	t.Helper()
	out, err := shared.command(ctx, "inspect", "path", from, to, "-n", ns, "-o", "json").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var way inspect.Path
	if err := json.Unmarshal(out, &way); err != nil {
		t.Fatal(err)
	}
	return way
}

// wayLies are other ways than that of the packet.
func wayLies() []lie[inspect.Path] {
	type way = inspect.Path
	translated := func(w *way) *inspect.Hop {
		return &w.There[slices.IndexFunc(w.There, func(h inspect.Hop) bool { return len(h.Changes) > 0 })]
	}
	return []lie[way]{
		{"a packet from elsewhere", func(w *way) { w.Source = "10.1.2.3:4" }},
		{"a connection that was refused", func(w *way) { w.Connected = false }},
		{"no hop at the beginning", func(w *way) { w.There = w.There[1:] }},
		{"no hop at the end", func(w *way) { w.There = w.There[:len(w.There)-1] }},
		{"an interface that is not there", func(w *way) { w.There[1].Link = "eth7" }},
		{"another node", func(w *way) { w.There[1].Where = "node-3" }},
		{"the other direction", func(w *way) { w.There[1].Out = true }},
		{"no translation", func(w *way) { translated(w).To = w.Target }},
		{"another source", func(w *way) { w.There[len(w.There)-1].From = "10.1.2.3:4" }},
		{"a rule that is not there", func(w *way) { w.There[1].Rules[0].Handle = 99999 }},
		{"a rule in other words", func(w *way) { w.There[1].Rules[0].Rule = "" }},
		{"no rules", func(w *way) { w.There[1].Rules = nil }},
		{"no answer", func(w *way) { w.Back = nil }},
		{"an answer from elsewhere", func(w *way) { w.Back[0].From = "10.1.2.3:4" }},
		{"an answer that keeps the pod's address", func(w *way) { w.Back[len(w.Back)-1].From = w.Back[0].From }},
		{"nothing that is tracked", func(w *way) { w.Tracked = nil }},
	}
}

// sameTracked compares the translation with what the sender's node tracks.
func sameTracked(t *testing.T, way inspect.Path, web string) error {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/nf_conntrack", shared.machine(t, "node-1")))
	if err != nil {
		t.Fatal(err)
	}
	from, port, _ := strings.Cut(way.Source, ":")
	to, toPort, _ := strings.Cut(web, ":")
	there := fmt.Sprintf("src=%s dst=%s sport=%s dport=80 ", from, strings.TrimSuffix(way.Target, ":80"), port)
	back := fmt.Sprintf("src=%s dst=%s sport=%s dport=%s ", to, from, toPort, port)
	if !slices.ContainsFunc(strings.Split(string(data), "\n"), func(line string) bool { return strings.Contains(line, there) && strings.Contains(line, back) }) {
		return fmt.Errorf("the kernel does not track %s answered by %s:\n%s", there, back, data)
	}
	if way.Tracked == nil || way.Tracked.ReplyFrom.String() != web {
		return fmt.Errorf("tracked: %+v, want the answer from %s", way.Tracked, web)
	}
	return nil
}

// sameWay compares the hops with where the packet has to pass, and the addresses there.
func sameWay(t *testing.T, ns string, way inspect.Path, virtual, web string) error {
	want := []string{
		"pod " + ns + "/client out " + virtual, "node-1 in " + virtual, "node-1 out " + web,
		"node-2 in " + web, "node-2 out " + web, "pod " + ns + "/web in " + web,
	}
	var got []string
	for _, hop := range way.There {
		if hop.Where == "the network between the nodes" {
			continue
		}
		got = append(got, fmt.Sprintf("%s %s %s", hop.Where, map[bool]string{true: "out", false: "in"}[hop.Out], hop.To))
		if hop.From != way.Source {
			return fmt.Errorf("the source is %s at %+v", hop.From, hop)
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the way is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return sameLinks(t, way)
}

// sameLinks looks for the node's interfaces.
func sameLinks(t *testing.T, way inspect.Path) error {
	for _, hop := range way.There {
		if !strings.HasPrefix(hop.Where, "node-") {
			continue
		}
		links, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", shared.machine(t, hop.Where)))
		if err != nil || !strings.Contains(string(links), hop.Link+":") {
			return fmt.Errorf("%s has no interface %q:\n%s (%v)", hop.Where, hop.Link, links, err)
		}
	}
	return nil
}

// sameAnswer looks at how the answer is given the Service's address again.
func sameAnswer(ns string, way inspect.Path, virtual, web string) error {
	if len(way.Back) < 2 {
		return fmt.Errorf("the answer: %+v", way.Back)
	}
	first, last := way.Back[0], way.Back[len(way.Back)-1]
	if first.Where != "pod "+ns+"/web" || first.From != web || last.Where != "pod "+ns+"/client" || last.From != virtual || last.To != way.Source {
		return fmt.Errorf("the answer begins at %+v and ends at %+v", first, last)
	}
	return nil
}

// sameMet compares the rules that the packet met with those that the node lists.
func sameMet(t *testing.T, way inspect.Path) error {
	out, err := exec.Command("nsenter", "-t", fmt.Sprint(shared.machine(t, "node-1")), "-n", "nft", "-j", "list", "ruleset").Output()
	if err != nil {
		t.Fatal(err)
	}
	var ruleset struct {
		Objects []struct {
			Rule *struct {
				Table, Chain string
				Handle       uint64
				Expr         json.RawMessage
			} `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(out, &ruleset); err != nil {
		t.Fatal(err)
	}
	translated := false
	for _, hop := range way.There {
		for _, met := range hop.Rules {
			if hop.Where != "node-1" {
				continue
			}
			listed := ""
			for _, o := range ruleset.Objects {
				if o.Rule != nil && o.Rule.Table == met.Table && o.Rule.Chain == met.Chain && o.Rule.Handle == met.Handle {
					listed = string(o.Rule.Expr)
				}
			}
			if listed == "" || met.Rule == "" {
				return fmt.Errorf("nft does not list %+v", met)
			}
			translated = translated || strings.Contains(met.Chain, "/web/tcp/") && strings.Contains(listed, "dnat") && strings.Contains(met.Rule, "dnat")
		}
	}
	if !translated {
		return fmt.Errorf("the packet met no rule of the Service's that translates: %+v", way.There)
	}
	return nil
}
