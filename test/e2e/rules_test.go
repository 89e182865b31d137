package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/inspect"
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
		eventually(t, "both endpoints on "+node, func(ctx context.Context) error { return sameRules(ctx, t, service, node, want) })
	}
	checkRuleEvents(t, ns, want)
	t.Run("story", func(t *testing.T) {
		steps := shared.follow(t, "-n", ns, "service/web")
		for _, node := range []string{"node-1", "node-2", "node-3"} {
			teller{t, steps}.find(0, "kube-proxy on "+node, "has packets to Service "+ns+"/web go to ")
		}
	})
	t.Run("connections", func(t *testing.T) { checkConnections(t, service) })
	t.Run("watch", func(t *testing.T) { checkWatch(t, service) })
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

// sameRules compares with nft's own list, as JSON: the program reads its text.
func sameRules(ctx context.Context, t *testing.T, service *corev1.Service, node string, want []string) error {
	found, err := inspectService(ctx, service, node)
	if err != nil {
		return err
	}
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
	inMap, handles, inRules := false, []int{}, ""
	for _, o := range ruleset.Objects {
		if o.Map != nil && o.Map.Name == "service-ips" {
			for _, e := range o.Map.Elems {
				inMap = inMap || strings.Contains(string(e), `"`+service.Spec.ClusterIP+`"`) && strings.Contains(string(e), `"`+chain.Name+`"`)
			}
		}
		if o.Rule != nil && o.Rule.Table == "kube-proxy" && o.Rule.Chain == chain.Name {
			handles = append(handles, o.Rule.Handle)
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
	eventually(t, "kube-proxy's changes in the trace", func(ctx context.Context) error {
		out, err := shared.command(ctx, "trace", "-o", "json", "--component", "kube-proxy", "--match", ns+"/web").Output()
		if err != nil {
			return err
		}
		last := map[string]string{}
		decoder := json.NewDecoder(strings.NewReader(string(out)))
		for decoder.More() {
			var e trace.Event
			if err := decoder.Decode(&e); err != nil {
				return err
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
	})
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
