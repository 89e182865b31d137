package trace

import (
	"strings"
	"testing"
)

func attempted() Event {
	return Event{
		Seq: 7, Component: "kube-scheduler", Verb: "schedule", Detail: "chose large, of 2 that fit: 150 to 90 points",
		Object: Object{Kind: "Pod", Namespace: "shop", Name: "web"},
		Fields: map[string]string{
			"node": "large", "filters": "NodeName,TaintToleration,NodeResourcesFit,NodePorts", "skipped": "NodePorts", "weights": `{"Fit":1,"Spread":2}`,
			"nodes": `[{"node":"large","fits":true,"scores":{"Fit":90,"Spread":60},"total":150},
				{"node":"medium","fits":true,"scores":{"Fit":30,"Spread":60},"total":90},
				{"node":"small","fits":false,"plugin":"TaintToleration","reasons":["node(s) had untolerated taint"]}]`,
		},
	}
}

func TestAttemptIsToldAtThreeDepths(t *testing.T) {
	a, err := AttemptOf(attempted())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.Tell(1), "\n"); got != "Pod shop/web: chose large, of 2 that fit: 150 to 90 points" {
		t.Errorf("first depth %q", got)
	}
	want := "TaintToleration: node(s) had untolerated taint refused small\nFit gave large 90 points, against 60.0 on average (+30.0)"
	if got := strings.Join(a.Tell(2)[1:], "\n"); got != want {
		t.Errorf("second depth %q, want %q", got, want)
	}
	want = `FILTER            large    medium   small
NodeName          passed   passed   passed
TaintToleration   passed   passed   refused
NodeResourcesFit  passed   passed   not asked
NodePorts         skipped  skipped  skipped

SCORE (WEIGHT)    large    medium   small
Fit (1)           90       30       -
Spread (2)        60       60       -
TOTAL             150      90       -`
	if got := strings.Join(a.Tell(3)[3:], "\n"); got != want {
		t.Errorf("third depth\n%s\nwant\n%s", got, want)
	}
}

func TestAttemptThatWasLetGoSaysSo(t *testing.T) {
	e := attempted()
	delete(e.Fields, "nodes")
	if _, err := AttemptOf(e); err == nil || !strings.Contains(err.Error(), "let go") {
		t.Error(err)
	}
}

// TestNodesThatWereLeftOutAreTold has one node of three that a plugin knew to take.
func TestNodesThatWereLeftOutAreTold(t *testing.T) {
	verdicts := []NodeVerdict{
		{Node: "mine", Fits: true}, {Node: "other", Plugin: "NodeAffinity", LeftOut: true}, {Node: "third", Plugin: "NodeAffinity", LeftOut: true},
	}
	if got := Compare(verdicts); got != ", the only one that fits of 1 looked at; NodeAffinity left out 2 before" {
		t.Errorf("half a sentence %q", got)
	}
	a := Attempt{Nodes: verdicts, Filters: []string{"NodeName", "NodeAffinity", "NodePorts", "NodeResourcesFit"}, Skipped: []string{"NodePorts"}}
	want := `before any filter was asked, NodeAffinity left out other, third
FILTER            mine     other      third
NodeName          passed   not asked  not asked
NodeAffinity      passed   left out   left out
NodePorts         skipped  skipped    skipped
NodeResourcesFit  passed   not asked  not asked`
	if got := strings.Join(a.Tell(3)[1:], "\n"); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}
