package netpol

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/knftables"
	"sigs.k8s.io/yaml"
)

// policies are NetworkPolicies of the namespace "shop".
func policies(t *testing.T, text string) []*networkingv1.NetworkPolicy {
	t.Helper()
	var list []*networkingv1.NetworkPolicy
	for i, spec := range strings.Split(text, "---\n") {
		p := &networkingv1.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
			t.Fatal(err)
		}
		p.Namespace, p.Name = "shop", string(rune('a'+i))
		list = append(list, p)
	}
	return list
}

func somePods() []pod {
	one := func(namespace, name, node, ip, app string, port int32) pod {
		return pod{
			namespace: namespace, name: name, node: node, ip: netip.MustParseAddr(ip), labels: labels.Set{"app": app},
			ports: []corev1.ContainerPort{{Name: "http", ContainerPort: port, Protocol: corev1.ProtocolTCP}},
		}
	}
	return []pod{
		one("shop", "web", "node-1", "10.244.0.2", "web", 8080),
		one("shop", "db", "node-1", "10.244.0.3", "db", 5432),
		one("shop", "far", "node-2", "10.244.1.2", "web", 9090),
		one("other", "web", "node-2", "10.244.1.3", "web", 80),
	}
}

func rulesOf(t *testing.T, text string) string {
	t.Helper()
	v := view{
		node: "node-1", pods: somePods(), policies: policies(t, text),
		namespaces: map[string]labels.Set{"shop": {"team": "a"}, "other": {"team": "b"}},
	}
	nft := knftables.NewFake(knftables.IPv4Family, Table)
	tx := write(nft, compile(v))
	if err := nft.Run(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	inKernel(t, tx.String())
	return nft.Dump()
}

// inKernel proves that the kernel takes the rules, in a network of its own.
func inKernel(t *testing.T, rules string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft refuses the rules: %v\n%s\n%s", err, out, rules)
	}
}

func TestRules(t *testing.T) {
	for _, test := range []struct {
		name, policies string
		want, not      []string
	}{
		{
			"deny all", `{podSelector: {}, policyTypes: [Ingress, Egress]}`,
			[]string{
				"ingress-pod/shop/web drop", "egress-pod/shop/db drop", "pods-ingress { 10.244.0.2 : goto ingress-pod/shop/web }",
				"pods-egress { 10.244.0.3 : goto egress-pod/shop/db }", "self-ingress { 10.244.0.2 . 10.244.0.2 }",
			},
			[]string{"10.244.1.2", "10.244.1.3", "ingress-policy/shop/a accept"},
		},
		{
			"allow all", `{podSelector: {matchLabels: {app: web}}, ingress: [{}]}`,
			[]string{"ingress-policy/shop/a accept", "ingress-pod/shop/web jump ingress-policy/shop/a"},
			[]string{"ingress-pod/shop/db", "egress-pod"},
		},
		{
			"pods of the namespace", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}, {protocol: UDP, port: 1000, endPort: 2000}, {protocol: SCTP}]}]}`,
			[]string{
				"peers-0-0 { 10.244.0.2 }", "peers-0-0 { 10.244.1.2 }",
				"ip saddr @peers-0-0 tcp dport 5432 accept", "ip saddr @peers-0-0 udp dport 1000-2000 accept", "ip saddr @peers-0-0 meta l4proto sctp accept",
			},
			[]string{"10.244.1.3", "ip saddr @peers-0-0 accept"},
		},
		{
			"pods of other namespaces", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}]}]}`,
			[]string{"peers-0-0 { 10.244.1.3 }", "ip daddr @peers-0-0 accept"},
			[]string{"ingress-pod", "peers-0-0 { 10.244.1.2 }"},
		},
		{
			"no such pods", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: nobody}}}]}]}`,
			[]string{"ingress-pod/shop/web drop"},
			[]string{"accept comment", "ingress-policy/shop/a accept", "@peers"},
		},
		{
			"blocks", `{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.244.0.0/16, 10.96.0.0/16]}}], ports: [{port: 443}]}], policyTypes: [Egress]}`,
			[]string{"ip daddr 10.0.0.0/8 ip daddr != { 10.244.0.0/16, 10.96.0.0/16 } tcp dport 443 accept"},
			nil,
		},
		{
			"named port of the pod itself", `{podSelector: {}, ingress: [{ports: [{port: http}]}]}`,
			[]string{"ports-0-0 { 10.244.0.2 . tcp . 8080 }", "ports-0-0 { 10.244.0.3 . tcp . 5432 }", "ip daddr . meta l4proto . th dport @ports-0-0 accept"},
			[]string{"9090"},
		},
		{
			"named port of the peers", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}`,
			[]string{"ports-0-0 { 10.244.0.2 . tcp . 8080 }", "ports-0-0 { 10.244.1.2 . tcp . 9090 }", "ip daddr @peers-0-0 ip daddr . meta l4proto . th dport @ports-0-0 accept"},
			[]string{"5432", "10.244.1.3"},
		},
		{
			"two policies of a pod", "{podSelector: {matchLabels: {app: web}}}\n---\n{podSelector: {}, ingress: [{ports: [{port: 80}]}]}",
			[]string{"ingress-pod/shop/web jump ingress-policy/shop/a", "ingress-pod/shop/web jump ingress-policy/shop/b", "ingress-policy/shop/b tcp dport 80 accept"},
			[]string{"ingress-pod/shop/db jump ingress-policy/shop/a"},
		},
		{"for pods of other nodes only", `{podSelector: {matchLabels: {app: nobody}}}`, nil, []string{"pods-ingress"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := rulesOf(t, test.policies)
			for _, want := range test.want {
				if !strings.Contains(rules, want) {
					t.Errorf("the rules lack %q:\n%s", want, rules)
				}
			}
			for _, not := range test.not {
				if strings.Contains(rules, not) {
					t.Errorf("the rules have %q:\n%s", not, rules)
				}
			}
		})
	}
}

func TestLongNames(t *testing.T) {
	long := strings.Repeat("n", 250)
	one, two := chainName(ingress, "pod", long+"1"), chainName(ingress, "pod", long+"2")
	if one == two || len(one) > maxName {
		t.Errorf("names %q and %q", one, two)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 4000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// TestEnforcer follows policies and pods, also one whose address only the network
// plugins know.
func TestEnforcer(t *testing.T) {
	web := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.PodSpec{NodeName: "node-1"}}
	client := fake.NewClientset(web, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	nft := knftables.NewFake(knftables.IPv4Family, Table)
	results := filepath.Join(t.TempDir(), "results")
	e := New("node-1", client, nft, results)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	has := func(part string) func() bool {
		return func() bool {
			nft.RLock()
			defer nft.RUnlock()
			return strings.Contains(nft.Dump(), part)
		}
	}
	p := policies(t, `{podSelector: {}}`)[0]
	if _, err := client.NetworkingV1().NetworkPolicies("shop").Create(ctx, p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "results are watched", func() bool { _, err := os.Stat(results); return err == nil })
	cached := `{"kind":"cniCacheV1","cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAMESPACE","shop"],["K8S_POD_NAME","web"]],"result":{"ips":[{"address":"10.244.0.9/24"}]}}`
	if err := os.WriteFile(filepath.Join(results, "kubarium-1-eth0"), []byte(cached), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod is isolated before its address is known to all", has("{ 10.244.0.9 : goto ingress-pod/shop/web }"))
	// After a power cut, what was before is still there, in the status too.
	web.Status.PodIP = "10.244.0.9"
	if _, err := client.CoreV1().Pods("shop").UpdateStatus(ctx, web, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(results, "kubarium-2-eth0")
	if err := os.WriteFile(again, []byte(strings.ReplaceAll(cached, "10.244.0.9", "10.244.0.10")), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last address counts", has("{ 10.244.0.10 : goto ingress-pod/shop/web }"))
	// The status comes before the results are gone, and is in the rules then too.
	web.Status.PodIP = "10.244.0.11"
	if _, err := client.CoreV1().Pods("shop").UpdateStatus(ctx, web, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the enforcer knows the status", func() bool {
		pods := e.others.pods
		p, err := pods.Pods("shop").Get("web")
		return err == nil && p.Status.PodIP == "10.244.0.11"
	})
	for range 20 {
		if time.Sleep(10 * time.Millisecond); !has("10.244.0.10")() {
			t.Fatal("the status counts while there is a result")
		}
	}
	for _, file := range []string{again, filepath.Join(results, "kubarium-1-eth0")} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "without a result the status counts", has("{ 10.244.0.11 : goto ingress-pod/shop/web }"))
	if err := client.NetworkingV1().NetworkPolicies("shop").Delete(ctx, p.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "without policies there are no rules", func() bool { return !has("web")() })
	cancel()
	<-done
}
