package uitest

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"kubarium/cluster/inspect"
)

// SendPacket implements ui.Sender: the same way always.
func (c *Cluster) SendPacket(_ context.Context, namespace, pod, _ string, progress func(string)) (inspect.Path, error) {
	pod = strings.TrimPrefix(pod, "pod/")
	progress("Listen at pod " + namespace + "/" + pod)
	return Way(namespace, pod), nil
}

// Way is that of a packet through a service to a pod of another node.
func Way(namespace, pod string) inspect.Path {
	const source, virtual, web = "10.244.1.7:40112", "10.96.41.7:80", "10.244.2.4:8080"
	sender, receiver, us := "pod "+namespace+"/"+pod, "pod default/web-5b978d69-8mjtl", time.Microsecond
	const chain = "service-ULMVA6XW-default/web/tcp/"
	rules := []inspect.Met{
		{Table: "kube-proxy", Chain: "nat-prerouting", Handle: 31, Rule: "jump services", Verdict: "jump services"},
		{Table: "kube-proxy", Chain: "services", Handle: 40, Rule: "ip daddr . meta l4proto . th dport vmap @service-ips", Verdict: "goto " + chain},
		{Table: "kube-proxy", Chain: chain, Handle: 77, Rule: "meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.1.5 . 8080, 1 : 10.244.2.4 . 8080 }", Verdict: "accept"},
	}
	return inspect.Path{
		From: sender, To: "service default/web", Source: source, Target: virtual, Connected: true, Took: 412 * us,
		There: []inspect.Hop{
			{Where: sender, Link: "eth0", Out: true, From: source, To: virtual},
			{Where: "node-1", Link: "veth5e1a0f21", From: source, To: virtual, After: 9 * us, Rules: rules},
			{Where: "node-1", Link: "eth0", Out: true, From: source, To: web, After: 88 * us, Changes: []string{"destination " + virtual + " became " + web}},
			{Where: "the network between the nodes", Link: "kubarium0", From: source, To: web, After: 97 * us},
			{Where: "node-2", Link: "eth0", From: source, To: web, After: 110 * us},
			{Where: "node-2", Link: "veth0c44b1d8", Out: true, From: source, To: web, After: 141 * us},
			{Where: receiver, Link: "eth0", From: source, To: web, After: 150 * us},
		},
		Back: []inspect.Hop{
			{Where: receiver, Link: "eth0", Out: true, From: web, To: source, After: 190 * us},
			{Where: "node-2", Link: "veth0c44b1d8", From: web, To: source, After: 199 * us},
			{Where: "node-2", Link: "eth0", Out: true, From: web, To: source, After: 230 * us},
			{Where: "node-1", Link: "eth0", From: web, To: source, After: 260 * us},
			{Where: "node-1", Link: "veth5e1a0f21", Out: true, From: virtual, To: source, After: 300 * us, Changes: []string{"source " + web + " became " + virtual}},
			{Where: sender, Link: "eth0", From: virtual, To: source, After: 310 * us},
		},
		Tracked: &inspect.Connection{
			Protocol: "tcp", From: netip.MustParseAddrPort(source), To: netip.MustParseAddrPort(virtual),
			ReplyFrom: netip.MustParseAddrPort(web), ReplyTo: netip.MustParseAddrPort(source),
		},
		Unseen: []string{"nobody looked into pod default/web-5b978d69-x2x7p: it has just ended"},
	}
}
