package inspect

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// listing is of nft -a list table ip kube-proxy, shortened.
const listing = `table ip kube-proxy { # handle 6
	comment "rules for kube-proxy"
	set cluster-ips { # handle 37
		type ipv4_addr
		elements = { 10.96.0.1, 10.96.0.10 }
	}
	map no-endpoint-services { # handle 41
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.7.7 . tcp . 80 comment "default/empty:" : goto reject-chain }
	}
	map service-ips { # handle 56
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
		elements = { 10.96.0.10 . tcp . 53 : goto service-NWBZK7IH-kube-system/kube-dns/tcp/dns-tcp,
			     10.89.1.1 . tcp . 80 : goto external-PFISGYVC-default/web/tcp/,
			     10.96.8.8 . tcp . 80 : goto service-AAAAAAAA-not-default/web/tcp/,
			     10.96.112.121 . tcp . 80 : goto service-PFISGYVC-default/web/tcp/ }
	}
	map service-nodeports { # handle 57
		type inet_proto . inet_service : verdict
		elements = { tcp . 31665 : goto external-PFISGYVC-default/web/tcp/ }
	}
	chain nat-prerouting { # handle 14
		type nat hook prerouting priority dstnat; policy accept;
		jump services # handle 28
	}
	chain reject-chain { # handle 43
		comment "helper for @no-endpoint-services / @no-endpoint-nodeports"
		reject # handle 44
	}
	chain service-PFISGYVC-default/web/tcp/ { # handle 79
		meta l4proto tcp counter packets 7 bytes 420 dnat ip to numgen random mod 2 map { 0 : 10.244.1.2 . 8080, 1 : 10.244.2.3 . 8080 } # handle 81
		numgen random mod 2 vmap { 0 : goto endpoint-A, 1 : goto endpoint-B } # handle 82
	}
	chain endpoint-A { # handle 90
		meta l4proto tcp dnat to 10.244.1.2:8080 # handle 91
	}
	chain endpoint-B { # handle 92
		meta l4proto tcp dnat to 10.244.2.3:8080 # handle 93
	}
	chain external-PFISGYVC-default/web/tcp/ { # handle 75
		meta mark set meta mark | 0x00004000 comment "masquerade" # handle 76
		goto service-PFISGYVC-default/web/tcp/ # handle 77
	}
}
`

// tracked are connections: by the address, by a node's port, and to another Service.
func tracked() []Connection {
	a := netip.MustParseAddrPort
	return []Connection{
		{
			Protocol: "tcp", From: a("10.244.1.5:36682"), To: a("10.96.112.121:80"), ReplyFrom: a("10.244.2.3:8080"), ReplyTo: a("10.244.1.5:36682"),
			There: Counter{5, 400}, Back: Counter{4, 300},
		},
		{
			Protocol: "tcp", From: a("10.89.0.1:1000"), To: a("10.89.0.11:31665"), ReplyFrom: a("10.244.1.2:8080"), ReplyTo: a("10.89.0.11:5000"),
			There: Counter{1, 60}, Back: Counter{1, 60},
		},
		{
			Protocol: "udp", From: a("10.244.1.5:4000"), To: a("10.96.0.10:53"), ReplyFrom: a("10.244.1.3:53"), ReplyTo: a("10.244.1.5:4000"),
			There: Counter{1, 60}, Back: Counter{1, 60},
		},
	}
}

func TestServiceTree(t *testing.T) {
	s := Service{Namespace: "default", Name: "web", Node: "node-1", Accounting: true}
	s.Doors = ParseRuleset(listing).Service(s.Namespace, s.Name)
	s.Count(tracked())
	var text strings.Builder
	if err := s.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := `service default/web on node-1
kube-proxy's rules have no counters; connections are those that the kernel tracks now

@service-ips  10.89.1.1 . tcp . 80 : goto external-PFISGYVC-default/web/tcp/
└── chain external-PFISGYVC-default/web/tcp/
    ├── meta mark set meta mark | 0x00004000 comment "masquerade"  [handle 76]
    └── goto service-PFISGYVC-default/web/tcp/  [handle 77]
        └── chain service-PFISGYVC-default/web/tcp/
            ├── meta l4proto tcp counter packets 7 bytes 420 dnat ip to numgen random mod 2 map { 0 : 10.244.1.2 . 8080, 1 : 10.244.2.3 . 8080 }  [handle 81]
            │   ├── 10.244.1.2:8080  0 connections, 0 packets there, 0 back
            │   └── 10.244.2.3:8080  0 connections, 0 packets there, 0 back
`
	if !strings.HasPrefix(text.String(), want) {
		t.Errorf("the tree is\n%s", text.String())
	}
	for _, want := range []string{
		"10.244.2.3:8080  1 connections, 5 packets there, 4 back",
		"10.244.1.2:8080  1 connections, 1 packets there, 1 back",
		"@service-nodeports  tcp . 31665",
		"── chain endpoint-B",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the tree lacks %q", want)
		}
	}
	if strings.Contains(text.String(), "kube-dns") || strings.Contains(text.String(), "not-default") {
		t.Error("another Service is in the tree")
	}
	if rule := s.Doors[1].Chain.Rules[0]; rule.Counter == nil || rule.Counter.Packets != 7 {
		t.Errorf("the rule's counter is %+v", rule.Counter)
	}
}

func TestServiceWithoutEndpoints(t *testing.T) {
	doors := ParseRuleset(listing).Service("default", "empty")
	if len(doors) != 1 || doors[0].Map != "no-endpoint-services" || doors[0].Chain.Rules[0].Text != "reject" {
		t.Errorf("%+v", doors)
	}
}

// TestMeter reads counters, and names what is to be counted at each door.
func TestMeter(t *testing.T) {
	s := Service{Namespace: "default", Name: "web"}
	s.Doors = ParseRuleset(listing).Service(s.Namespace, s.Name)
	m := NewMeter(nil)
	var script strings.Builder
	for _, door := range s.Doors {
		m.add(&script, door)
	}
	for _, want := range []string{
		`from-pods ip daddr 10.96.112.121 meta l4proto tcp th dport 80 counter comment "10.96.112.121 tcp 80"`,
		`from-node ip daddr 10.96.112.121 meta l4proto tcp th dport 80 counter`,
		`from-pods fib daddr type local meta l4proto tcp th dport 31665 counter comment "tcp 31665"`,
		`to-others ct direction original ip daddr 10.244.2.3 meta l4proto tcp th dport 8080 ct original ip daddr 10.96.112.121 ct original proto-dst 80 counter comment "10.96.112.121 tcp 80 10.244.2.3:8080"`,
		`to-node ct direction original ip daddr 10.244.1.2 meta l4proto tcp th dport 8080 ct original proto-dst 31665 counter`,
	} {
		if strings.Count(script.String(), want) != 1 {
			t.Errorf("%d times %q in\n%s", strings.Count(script.String(), want), want, script.String())
		}
	}
	script.Reset()
	for _, door := range s.Doors {
		m.add(&script, door)
	}
	if script.Len() > 0 {
		t.Errorf("again: %s", script.String())
	}
	counts, err := readMeter([]byte(`{"nftables": [{"metainfo": {}}, {"rule": {"comment": "10.96.112.121 tcp 80", "expr": [{"match": {}}, {"counter": {"packets": 5, "bytes": 300}}]}},
		{"rule": {"comment": "10.96.112.121 tcp 80", "expr": [{"counter": {"packets": 2, "bytes": 100}}]}}]}`))
	if err != nil || len(counts) != 1 || *counts["10.96.112.121 tcp 80"] != (Counter{7, 400}) {
		t.Errorf("counts %v, %v", counts, err)
	}
}

// TestChainsThatLeadToEachOther has rules that a privileged pod may write: thirty chains, each
// of which leads to all. To follow every way would take longer than there is time.
func TestChainsThatLeadToEachOther(t *testing.T) {
	var text strings.Builder
	text.WriteString("table ip kube-proxy {\n\tmap service-ips {\n\t\telements = { 10.96.0.1 . tcp . 80 : goto service-0-default/web/tcp/ }\n\t}\n")
	for i := range 30 {
		fmt.Fprintf(&text, "\tchain service-%d-default/web/tcp/ {\n", i)
		for j := range 30 {
			fmt.Fprintf(&text, "\t\tjump service-%d-default/web/tcp/ # handle %d\n", j, 30*i+j)
		}
		text.WriteString("\t}\n")
	}
	doors := ParseRuleset(text.String()).Service("default", "web")
	if len(doors) != 1 || len(doors[0].Chain.Rules) != 30 || len(doors[0].Chain.Rules[1].Chains) != 1 {
		t.Errorf("found %+v", doors)
	}
}
