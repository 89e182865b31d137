package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// policyTest is a server and those who ask it: "near" is on its node, "far" on another,
// both labelled role=friend; "stranger" has no label; "foreign" is in another namespace.
type policyTest struct {
	*testing.T
	ns, other string
	addresses map[string]string
}

var policyClients = []string{"near", "far", "stranger", "foreign"}

func newPolicyTest(t *testing.T) *policyTest {
	p := &policyTest{T: t, ns: shared.namespace(t), addresses: map[string]string{}}
	p.other = p.ns + "-other"
	shared.kubectl(t, "create", "namespace", p.other)
	t.Cleanup(func() { shared.kubectl(t, "delete", "namespace", p.other, "--wait=false") })
	shared.kubectl(t, "label", "namespace", p.other, "team=other")
	shared.eventuallyOK(t, "kubectl", "get", "serviceaccount", "default", "-n", p.other)
	pod := func(name, node, labels, image, more string) string {
		return fmt.Sprintf("---\napiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {%s}}\nspec:\n  nodeName: %s\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: main, image: %q, %s}\n",
			name, labels, node, "kubarium/"+image, more)
	}
	shared.apply(t, p.ns, pod("server", "node-1", "app: server", "web:1.0", "ports: [{name: http, containerPort: 8080}], readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}")+
		pod("echo", "node-1", "app: server", "toolbox:1.0", "command: [nc, -ll, -p, '9000', -e, cat]")+
		pod("near", "node-1", "role: friend", "toolbox:1.0", "")+
		pod("far", "node-2", "role: friend", "toolbox:1.0", "")+
		pod("stranger", "node-2", "role: none", "toolbox:1.0", "")+`
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: http}]}
`)
	shared.apply(t, p.other, pod("foreign", "node-2", "role: friend", "toolbox:1.0", ""))
	for ns, names := range map[string][]string{p.ns: {"server", "echo", "near", "far", "stranger"}, p.other: {"foreign"}} {
		for _, name := range names {
			shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/"+name, "--timeout=60s")
			o, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p.addresses[name] = o.Status.PodIP
		}
	}
	return p
}

func (p *policyTest) in(name string) string {
	if name == "foreign" {
		return p.other
	}
	return p.ns
}

// reach names the clients that reach the URL.
func (p *policyTest) reach(ctx context.Context, url string) string {
	reached := make([]string, len(policyClients))
	var wg sync.WaitGroup
	for i, name := range policyClients {
		wg.Go(func() {
			out, err := shared.exec(ctx, p.in(name), name, "wget", "-q", "-T", "1", "-O", "-", url)
			if err == nil && strings.Contains(out, "Hello from") {
				reached[i] = name
			}
		})
	}
	wg.Wait()
	return strings.Join(strings.Fields(strings.Join(reached, " ")), " ")
}

// allow has the policy as the only one of the namespace, and waits until it works.
func (p *policyTest) allow(t *testing.T, spec, url, want string) {
	t.Helper()
	for name, address := range p.addresses {
		spec = strings.ReplaceAll(spec, "$"+name, address)
	}
	shared.apply(t, p.ns, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: test}\nspec: "+spec)
	eventually(t, want+" reach the server", func(ctx context.Context) error {
		if got := p.reach(ctx, url); got != want {
			return fmt.Errorf("%q reach it", got)
		}
		return nil
	})
	// It must stay so; who does not reach it within a second may be just slow.
	for _, name := range strings.Fields(p.reach(bounded(t), url)) {
		if !strings.Contains(want, name) {
			t.Errorf("a moment later %s reaches the server, want %q alone", name, want)
		}
	}
}

func TestNetworkPolicy(t *testing.T) {
	t.Parallel()
	p := newPolicyTest(t)
	direct, service := "http://"+p.addresses["server"]+":8080", "http://server."+p.ns
	const everybody = "near far stranger foreign"
	all := func(ctx context.Context) error {
		if got := p.reach(ctx, direct); got != everybody {
			return fmt.Errorf("%q reach it", got)
		}
		return nil
	}
	eventually(t, "without policies all reach the server", all)
	for _, test := range []struct{ name, spec, url, want string }{
		{"deny all", `{podSelector: {}}`, direct, ""},
		{"allow all", `{podSelector: {matchLabels: {app: server}}, ingress: [{}]}`, direct, everybody},
		{"pods", `{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {role: friend}}}]}]}`, direct, "near far"},
		{"pods, by the service", `{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {role: friend}}}]}]}`, service, "near far"},
		{"a namespace", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: other}}}]}]}`, direct, "foreign"},
		{"pods of all namespaces", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {role: friend}}}]}]}`, direct, "near far foreign"},
		{"either", `{podSelector: {}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {matchLabels: {team: other}}}]}]}`, direct, everybody},
		{"the port", `{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}`, direct, everybody},
		{"another port", `{podSelector: {}, ingress: [{ports: [{port: 80}, {protocol: UDP, port: 8080}]}]}`, service, ""},
		{"a range of ports", `{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8100}], from: [{podSelector: {}}]}]}`, direct, "near far stranger"},
		{"a named port", `{podSelector: {}, ingress: [{ports: [{port: http}]}]}`, direct, everybody},
		{"another named port", `{podSelector: {}, ingress: [{ports: [{port: https}]}]}`, direct, ""},
		{"a block", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16, except: [$far/32, $foreign/32]}}]}]}`, direct, "near stranger"},
		{"egress of friends denied", `{podSelector: {matchLabels: {role: friend}}, policyTypes: [Egress]}`, direct, "stranger foreign"},
		{"egress to the server", `{podSelector: {matchLabels: {role: friend}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: server}}}], ports: [{port: http}]}]}`, direct, everybody},
		{"egress to elsewhere", `{podSelector: {matchLabels: {role: friend}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.168.0.0/16}}]}]}`, direct, "stranger foreign"},
		{"both directions", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {role: friend}}}]}], egress: [{to: [{podSelector: {matchLabels: {app: server}}}]}], policyTypes: [Ingress, Egress]}`, direct, "near far"},
	} {
		t.Run(test.name, func(t *testing.T) { p.allow(t, test.spec, test.url, test.want) })
	}
	p.startsIsolated(t)
	p.probesPass(t)
	p.openConnectionsStay(t)
	shared.kubectl(t, "-n", p.ns, "delete", "networkpolicy", "test")
	eventually(t, "after the policies all reach the server", all)
}

// startsIsolated proves that a new pod is isolated before its program runs.
func (p *policyTest) startsIsolated(t *testing.T) {
	t.Helper()
	p.allow(t, `{podSelector: {}, policyTypes: [Egress]}`, "http://"+p.addresses["server"]+":8080", "foreign")
	shared.kubectl(t, "-n", p.ns, "run", "late", "--image=kubarium/toolbox:1.0", "--restart=Never", "--command", "--",
		"sh", "-c", "for i in 1 2 3; do wget -q -T 1 -O - http://"+p.addresses["server"]+":8080 || echo refused; done")
	shared.kubectl(t, "-n", p.ns, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/late", "--timeout=60s")
	if out := shared.kubectl(t, "-n", p.ns, "logs", "late"); strings.Contains(out, "Hello") || strings.Count(out, "refused") != 3 {
		t.Errorf("a new pod that is to reach nothing says:\n%s", out)
	}
}

// probesPass proves that a kubelet reaches its own pods, whatever the policies.
func (p *policyTest) probesPass(t *testing.T) {
	t.Helper()
	p.allow(t, `{podSelector: {}}`, "http://"+p.addresses["server"]+":8080", "")
	shared.apply(t, p.ns, `
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec: {containers: [{name: main, image: "kubarium/web:1.0", readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}}]}
`)
	shared.kubectl(t, "-n", p.ns, "wait", "--for=condition=Ready", "pod/probed", "--timeout=60s")
}

// openConnectionsStay proves that a policy is asked when a connection begins.
func (p *policyTest) openConnectionsStay(t *testing.T) {
	t.Helper()
	p.allow(t, `{podSelector: {}, ingress: [{}]}`, "http://"+p.addresses["server"]+":8080", "near far stranger foreign")
	cmd := shared.command(bounded(t), "kubectl", "-n", p.ns, "exec", "-i", "far", "--", "nc", p.addresses["echo"], "9000")
	in, out := pipes(t, cmd)
	defer in.Close()
	say := func(word string) {
		t.Helper()
		if _, err := in.Write([]byte(word + "\n")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		n, err := out.Read(buf)
		if err != nil || string(buf[:n]) != word+"\n" {
			t.Fatalf("after %q, the connection says %q, %v", word, buf[:n], err)
		}
	}
	say("before")
	p.allow(t, `{podSelector: {}}`, "http://"+p.addresses["server"]+":8080", "")
	say("after")
	in.Close()
}

// pipes starts the command and returns what leads to it and from it.
func pipes(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return stdin, stdout
}
