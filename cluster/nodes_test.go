package cluster

import (
	"os"
	"testing"
)

func TestTheNumberOfTheLastNodeIsGivenBack(t *testing.T) {
	for name, c := range map[string]struct {
		left []int
		next int
		want int
	}{
		"the last one went":   {[]int{1, 2, 3}, 5, 4},
		"one between went":    {[]int{1, 2, 4}, 5, 5},
		"two at the end went": {[]int{1, 2}, 5, 3},
	} {
		cluster := &Cluster{layout: LayoutOf(t.TempDir(), "test"), state: state{Version: stateVersion, NextNode: c.next}}
		if err := os.MkdirAll(cluster.layout.Root, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, index := range c.left {
			n, err := newNodeState(index)
			if err != nil {
				t.Fatal(err)
			}
			cluster.state.Nodes = append(cluster.state.Nodes, n)
		}
		if err := cluster.giveBackNumber(); err != nil {
			t.Fatal(err)
		}
		if cluster.state.NextNode != c.want {
			t.Errorf("%s: the next number is %d, want %d", name, cluster.state.NextNode, c.want)
		}
	}
}
