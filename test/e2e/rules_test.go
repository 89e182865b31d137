package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/inspect"
	"kubarium/cluster/story"
	"kubarium/cluster/trace"
)

// TestInsideService compares the rules of a Service as the program tells them with the node's
// ruleset, and the connections with what the pods answer.
func TestInsideService(t *testing.T) {
	ns := shared.namespace(t)
	shared.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=2")
	shared.kubectl(t, "-n", ns, "expose", "deployment", "web", "--port=80", "--target-port=8080")
	shared.kubectl(t, "-n", ns, "rollout", "status", "deployment", "web", "--timeout=120s")
	service, err := shared.client.CoreV1().Services(ns).Get(bounded(t), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := endpointsOf(t, ns)
	for _, node := range []string{"node-1", "node-2", "node-3"} {
		believe(t, func(ctx context.Context) (inspect.Service, error) { return inspectService(ctx, service, node) },
			func(ctx context.Context, found inspect.Service) error {
				return sameRules(ctx, t, service, node, found, want)
			}, rulesLies()...)
	}
	checkRuleEvents(t, ns, want)
	t.Run("story", func(t *testing.T) {
		steps := readSteps(t, shared.follow(t, "json", "-n", ns, "service/web"))
		for _, node := range []string{"node-1", "node-2", "node-3"} {
			teller{t, steps}.find(0, "kube-proxy on "+node, "has packets to Service "+ns+"/web go to ")
			checkRuleCause(t, ns, node, want, steps)
		}
	})
	t.Run("connections", func(t *testing.T) { checkConnections(t, service) })
	t.Run("meter", func(t *testing.T) { checkMeter(t, service) })
	t.Run("watch", func(t *testing.T) { checkWatch(t, service) })
}

// checkRuleCause compares the last step that is told of a node's rules with what they lead to,
// by nft's list (sameRules), and the revision that is told as its cause with etcd's history.
func checkRuleCause(t *testing.T, ns, node string, want []string, steps []story.Step) {
	t.Helper()
	var last story.Step
	for _, step := range steps {
		if step.Who == "kube-proxy on "+node && strings.Contains(step.What, "has packets to") {
			last = step
		}
	}
	_, told, _ := strings.Cut(last.What, " go to ")
	endpoints := strings.Fields(told)
	slices.Sort(endpoints)
	name, revision, ok := strings.Cut(last.Why, " says the same since revision ")
	if !last.Certain || !ok || !slices.Equal(endpoints, want) {
		t.Fatalf("the last change on %s: certain %v, %s, because %s; the rules lead to %v", node, last.Certain, last.What, last.Why, want)
	}
	name = name[strings.LastIndex(name, "/")+1:]
	key := "/registry/endpointslices/" + ns + "/" + name
	had := func(revision string) (list []string) {
		out, err := shared.command(bounded(t), "etcd", "get", "-o", "json", "--revision", revision, key).Output()
		if err != nil {
			// It was made by the next revision.
			return nil
		}
		var slice discoveryv1.EndpointSlice
		if err := json.Unmarshal(out, &slice); err != nil {
			t.Fatal(err)
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				list = append(list, fmt.Sprintf("%s:%d", e.Addresses[0], *slice.Ports[0].Port))
			}
		}
		slices.Sort(list)
		return list
	}
	if got := had(revision); !slices.Equal(got, want) {
		t.Errorf("at revision %s, %s has %v, and the rules of %s lead to %v", revision, key, got, node, want)
	}
	// It is the first one that says so.
	n, err := strconv.ParseInt(revision, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got := had(strconv.FormatInt(n-1, 10)); slices.Equal(got, want) {
		t.Errorf("%s said the same before revision %s", key, revision)
	}
}

// endpointsOf are the addresses of the web pods.
func endpointsOf(t *testing.T, ns string) []string {
	t.Helper()
	pods, err := shared.client.CoreV1().Pods(ns).List(bounded(t), metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil {
			list = append(list, pod.Status.PodIP+":8080")
		}
	}
	slices.Sort(list)
	return list
}

// inspectService asks the program.
func inspectService(ctx context.Context, service *corev1.Service, node string) (inspect.Service, error) {
	var found inspect.Service
	out, err := shared.command(ctx, "inspect", "service", service.Name, "-n", service.Namespace, "--node", node, "-o", "json").Output()
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(out, &found)
}

// rulesLies are other rules than there are.
func rulesLies() []lie[inspect.Service] {
	type service = inspect.Service
	chain := func(s *service) *inspect.Chain { return s.Doors[0].Chain }
	return []lie[service]{
		{"no rules", func(s *service) { s.Doors = nil }},
		{"one door more", func(s *service) { s.Doors = append(s.Doors, s.Doors[0]) }},
		{"another chain", func(s *service) { chain(s).Name += "x" }},
		{"another address", func(s *service) { s.Doors[0].Match = "10.1.2.3 . tcp . 80" }},
		{"another rule", func(s *service) { chain(s).Rules[0].Handle++ }},
		{"a rule in other words", func(s *service) { chain(s).Rules[0].Text = "accept" }},
		{"a rule less", func(s *service) { chain(s).Rules = chain(s).Rules[1:] }},
		{"another endpoint", func(s *service) { chain(s).Rules[len(chain(s).Rules)-1].Endpoints[0].Address = "10.1.2.3:8080" }},
		{"an endpoint less", func(s *service) { chain(s).Rules[len(chain(s).Rules)-1].Endpoints = nil }},
	}
}

// sameRules compares with nft's own list, as JSON: the program reads its text.
func sameRules(ctx context.Context, t *testing.T, service *corev1.Service, node string, found inspect.Service, want []string) error {
	out, err := exec.CommandContext(ctx, "nsenter", "-t", fmt.Sprint(shared.machine(t, node)), "-n", "nft", "-j", "list", "ruleset").Output()
	if err != nil {
		return err
	}
	var ruleset struct {
		Objects []struct {
			Map *struct {
				Name  string            `json:"name"`
				Elems []json.RawMessage `json:"elem"`
			} `json:"map"`
			Rule *struct {
				Table, Chain string
				Handle       int
				Expr         json.RawMessage
			} `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(out, &ruleset); err != nil {
		return err
	}
	if len(found.Doors) != 1 || found.Doors[0].Map != "service-ips" || found.Doors[0].Chain == nil {
		return fmt.Errorf("doors %+v", found.Doors)
	}
	chain := found.Doors[0].Chain
	if found.Doors[0].Match != service.Spec.ClusterIP+" . tcp . 80" {
		return fmt.Errorf("the door is %s, the Service %s", found.Doors[0].Match, service.Spec.ClusterIP)
	}
	inMap, handles, inRules := false, []int{}, ""
	for _, o := range ruleset.Objects {
		if o.Map != nil && o.Map.Name == "service-ips" {
			for _, e := range o.Map.Elems {
				inMap = inMap || strings.Contains(string(e), `"`+service.Spec.ClusterIP+`"`) && strings.Contains(string(e), `"`+chain.Name+`"`)
			}
		}
		if o.Rule != nil && o.Rule.Table == "kube-proxy" && o.Rule.Chain == chain.Name {
			handles = append(handles, o.Rule.Handle)
			var expressions []map[string]json.RawMessage
			if err := json.Unmarshal(o.Rule.Expr, &expressions); err != nil {
				return err
			}
			// What it does stands at its end: dnat, jump, masquerade.
			at := slices.IndexFunc(chain.Rules, func(r inspect.Rule) bool { return r.Handle == o.Rule.Handle })
			for does := range expressions[len(expressions)-1] {
				if at >= 0 && !strings.Contains(chain.Rules[at].Text, does) && does != "mangle" {
					return fmt.Errorf("rule %d is told as %q, it is %s", o.Rule.Handle, chain.Rules[at].Text, o.Rule.Expr)
				}
			}
			inRules += string(o.Rule.Expr)
		}
	}
	var told []int
	var endpoints []string
	for _, rule := range chain.Rules {
		told = append(told, rule.Handle)
		for _, e := range rule.Endpoints {
			endpoints = append(endpoints, e.Address)
		}
	}
	slices.Sort(endpoints)
	if !inMap || !slices.Equal(handles, told) || !slices.Equal(endpoints, want) {
		return fmt.Errorf("nft has rules %v of %s (in the map: %v), the program tells %v; endpoints %v, want %v", handles, chain.Name, inMap, told, endpoints, want)
	}
	for _, e := range want {
		if address, _, _ := strings.Cut(e, ":"); !strings.Contains(inRules, `"`+address+`"`) {
			return fmt.Errorf("nft's rules do not lead to %s: %s", e, inRules)
		}
	}
	return nil
}

// checkRuleEvents waits for what kube-proxy did on each node to be in the trace.
func checkRuleEvents(t *testing.T, ns string, want []string) {
	believe(t, func(ctx context.Context) (list tales, err error) {
		out, err := shared.command(ctx, "trace", "-o", "json", "--component", "kube-proxy", "--match", ns+"/web").Output()
		if err != nil {
			return nil, err
		}
		for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
			var e trace.Event
			if err := decoder.Decode(&e); err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	}, func(_ context.Context, list tales) error {
		last := map[string]string{}
		for _, e := range list {
			if e.Object.Namespace != ns || e.Object.Name != "web" {
				return fmt.Errorf("a change of %s is told as one of %s/web", e.Object, ns)
			}
			if e.Fields["endpoints"] != "" {
				last[e.Fields["node"]] = e.Fields["endpoints"]
			}
		}
		for _, node := range []string{"node-1", "node-2", "node-3"} {
			got := strings.Fields(last[node])
			slices.Sort(got)
			if !slices.Equal(got, want) {
				return fmt.Errorf("the last change on %s leads to %v, want %v", node, got, want)
			}
		}
		return nil
	},
		leftOut("rules"), another("rules", "endpoints", want[0], "10.1.2.3:80"), another("rules", "node", "node-3", "node-1"),
		bent("rules", "another Service", func(e *trace.Event) { e.Object.Name = "other" }),
	)
}

// checkConnections makes some, and compares where they went with who answered and with the
// kernel's own list.
func checkConnections(t *testing.T, service *corev1.Service) {
	ns, node := service.Namespace, "node-2"
	shared.runOn(t, ns, "client", node, "kubarium/toolbox:1.0")
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/client", "--timeout=120s")
	count := func(ctx context.Context) (connections int, packets uint64, err error) {
		found, err := inspectService(ctx, service, node)
		if err != nil {
			return 0, 0, err
		}
		for _, door := range found.Doors {
			for _, rule := range door.Chain.Rules {
				for _, e := range rule.Endpoints {
					connections += e.Connections
					packets += e.There.Packets
				}
			}
		}
		return connections, packets, nil
	}
	ctx := bounded(t)
	before, packets, err := count(ctx)
	if err != nil || before != 0 || packets != 0 {
		t.Fatalf("%d connections, %d packets before the first (%v)", before, packets, err)
	}
	for range 5 {
		if _, err := shared.exec(ctx, ns, "client", "wget", "-qO-", "http://web/"); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/nf_conntrack", shared.machine(t, node)))
	if err != nil {
		t.Fatal(err)
	}
	tracked := strings.Count(string(data), " dst="+service.Spec.ClusterIP+" ")
	connections, packets, err := count(ctx)
	if err != nil || connections != 5 || tracked != 5 || packets < 15 {
		t.Errorf("the program tells %d connections with %d packets, the kernel tracks %d, 5 were made (%v)", connections, packets, tracked, err)
	}
}

// checkMeter makes connections while packets are counted, and compares the counters with the
// kernel's own accounting of these connections.
func checkMeter(t *testing.T, service *corev1.Service) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tracked := func() (there uint64) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/nf_conntrack", shared.machine(t, "node-2")))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			_, rest, ok := strings.Cut(line, " dst="+service.Spec.ClusterIP+" ")
			if _, rest, found := strings.Cut(rest, " packets="); ok && found {
				n, _, _ := strings.Cut(rest, " ")
				packets, err := strconv.ParseUint(n, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				there += packets
			}
		}
		return there
	}
	before := tracked()
	cmd := shared.command(ctx, "inspect", "service", "web", "-n", service.Namespace, "--node", "node-2", "--watch", "-o", "json")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait()
		eventually(t, "the end of the meter", func(ctx context.Context) error {
			out, err := exec.CommandContext(ctx, "nsenter", "-t", fmt.Sprint(shared.machine(t, "node-2")), "-n", "nft", "list", "tables").CombinedOutput()
			if err == nil && strings.Contains(string(out), "kubarium-meter") {
				err = fmt.Errorf("node-2 is left with %s", out)
			}
			return err
		})
	}()
	const made = 4
	decoder, sent, shown := json.NewDecoder(stdout), false, ""
	for {
		var found inspect.Service
		if err := decoder.Decode(&found); err != nil {
			t.Fatalf("%v; the last counters: %s", errors.Join(err, ctx.Err()), shown)
		}
		if !sent {
			sent = true
			for range made {
				if _, err := shared.exec(ctx, service.Namespace, "client", "wget", "-qO-", "http://web/"); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		var door, onward uint64
		for _, d := range found.Doors {
			if d.Metered == nil {
				t.Fatalf("%s is not counted", d.Match)
			}
			door += d.Metered.Packets
			for _, e := range d.Chain.Rules[0].Endpoints {
				if e.Metered == nil {
					t.Fatalf("%s is not counted", e.Address)
				}
				onward += e.Metered.Packets
			}
		}
		want := tracked() - before
		if shown = fmt.Sprintf("%d to the Service, %d on to its pods; the kernel tracks %d", door, onward, want); door == want && onward == want && want >= 3*made {
			return
		}
	}
}

// checkWatch changes the Service while it is watched.
func checkWatch(t *testing.T, service *corev1.Service) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := shared.command(ctx, "inspect", "service", "web", "-n", service.Namespace, "--watch", "-o", "json")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	decoder, scaled := json.NewDecoder(stdout), false
	for {
		var found inspect.Service
		if err := decoder.Decode(&found); err != nil {
			t.Fatal(errors.Join(err, ctx.Err()))
		}
		if !scaled {
			scaled = true
			shared.kubectl(t, "-n", service.Namespace, "scale", "deployment", "web", "--replicas=3")
			continue
		}
		if len(found.Doors) == 1 && found.Doors[0].Chain != nil && len(found.Doors[0].Chain.Rules) > 0 && len(found.Doors[0].Chain.Rules[0].Endpoints) == 3 {
			return
		}
	}
}
