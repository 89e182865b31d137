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
	// kube-proxy may not have heard of the endpoint yet.
	var way inspect.Path
	eventually(t, "a connection", func(ctx context.Context) error {
		if way = wayOf(ctx, t, ns, "client", "svc/web:80"); !way.Connected {
			return errors.New(way.Error)
		}
		return nil
	})
	if !strings.HasPrefix(way.Source, client+":") || way.Target != virtual || len(way.Unseen) > 0 {
		t.Errorf("from %s to %s, want %s to %s; unseen: %v", way.Source, way.Target, client, virtual, way.Unseen)
	}
	checkTracked(t, way, web)
	checkThere(t, ns, way, virtual, web)
	checkBack(t, ns, way, virtual, web)
	checkMet(t, way)
	t.Run("refused", func(t *testing.T) {
		refused := wayOf(bounded(t), t, ns, "client", "pod/web:81")
		if refused.Connected || !strings.Contains(refused.Error, "refused") || len(refused.Back) == 0 || refused.Back[0].Where != "pod "+ns+"/web" {
			t.Errorf("a closed port: %+v", refused)
		}
	})
	for _, node := range []string{"node-1", "node-2", "node-3"} {
		out, err := exec.Command("nsenter", "-t", fmt.Sprint(shared.machine(t, node)), "-n", "nft", "list", "tables").CombinedOutput()
		if err != nil || strings.Contains(string(out), "kubarium-path") {
			t.Errorf("%s is left with %s (%v)", node, out, err)
		}
	}
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

// checkTracked compares the translation with what the sender's node tracks.
func checkTracked(t *testing.T, way inspect.Path, web string) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/nf_conntrack", shared.machine(t, "node-1")))
	if err != nil {
		t.Fatal(err)
	}
	from, port, _ := strings.Cut(way.Source, ":")
	to, toPort, _ := strings.Cut(web, ":")
	there := fmt.Sprintf("src=%s dst=%s sport=%s dport=80 ", from, strings.TrimSuffix(way.Target, ":80"), port)
	back := fmt.Sprintf("src=%s dst=%s sport=%s dport=%s ", to, from, toPort, port)
	if !slices.ContainsFunc(strings.Split(string(data), "\n"), func(line string) bool { return strings.Contains(line, there) && strings.Contains(line, back) }) {
		t.Errorf("the kernel does not track %s answered by %s:\n%s", there, back, data)
	}
	if way.Tracked == nil || way.Tracked.ReplyFrom.String() != web {
		t.Errorf("tracked: %+v, want the answer from %s", way.Tracked, web)
	}
}

// checkThere compares the hops with where the packet has to pass, and the addresses there.
func checkThere(t *testing.T, ns string, way inspect.Path, virtual, web string) {
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
			t.Errorf("the source is %s at %+v", hop.From, hop)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the way is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	checkLinks(t, way)
}

// checkLinks looks for the node's interfaces.
func checkLinks(t *testing.T, way inspect.Path) {
	for _, hop := range way.There {
		if !strings.HasPrefix(hop.Where, "node-") {
			continue
		}
		links, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", shared.machine(t, hop.Where)))
		if err != nil || !strings.Contains(string(links), hop.Link+":") {
			t.Errorf("%s has no interface %q:\n%s (%v)", hop.Where, hop.Link, links, err)
		}
	}
}

// checkBack looks at how the answer is given the Service's address again.
func checkBack(t *testing.T, ns string, way inspect.Path, virtual, web string) {
	if len(way.Back) < 2 {
		t.Fatalf("the answer: %+v", way.Back)
	}
	first, last := way.Back[0], way.Back[len(way.Back)-1]
	if first.Where != "pod "+ns+"/web" || first.From != web || last.Where != "pod "+ns+"/client" || last.From != virtual || last.To != way.Source {
		t.Errorf("the answer begins at %+v and ends at %+v", first, last)
	}
}

// checkMet compares the rules that the packet met with those that the node lists.
func checkMet(t *testing.T, way inspect.Path) {
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
				t.Errorf("nft does not list %+v", met)
			}
			translated = translated || strings.Contains(met.Chain, "/web/tcp/") && strings.Contains(listed, "dnat") && strings.Contains(met.Rule, "dnat")
		}
	}
	if !translated {
		t.Errorf("the packet met no rule of the Service's that translates: %+v", way.There)
	}
}
