package cluster

import (
	"errors"
	"strings"
	"testing"

	"kubarium/cluster/trace"
)

func TestOnlyWhoWritesIsHeld(t *testing.T) {
	c := &Cluster{trace: trace.NewStore()}
	c.state.Nodes = []nodeState{{Name: "node-1"}}
	wrote := func(user, agent, verb, resource string) {
		c.trace.Add(trace.Event{Component: "kube-apiserver", Verb: verb, Actor: user, Agent: agent, Object: trace.Object{Resource: resource}})
	}
	wrote("anna", "helm/v4", "create", "secrets")
	wrote("berta", "curl/8", "list", "pods")
	wrote("system:kube-proxy", "kube-proxy/v1.37.1", "create", "events")
	accounts := func() ([]string, error) { return []string{"replicaset-controller", "robot"}, nil }
	for name, refused := range map[string]string{
		"kube-scheduler": "", "kubelet": "", "node-1": "", "system:node:node-1": "", "kubectl": "",
		"replicaset-controller": "", "robot": "", "system:serviceaccount:shop:robot": "",
		"anna": "", "helm": "",
		"berta": "nobody called", "curl": "nobody called", "scheduler": "kube-scheduler", "node-2": "nobody called",
		"kube-proxy": "component-stop NODE/kube-proxy", "etcd": "component-stop etcd", "system:kube-proxy": "component-stop",
	} {
		err := c.findWriter(name, accounts)
		if (err == nil) != (refused == "") || err != nil && !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v, want %q in it", name, err, refused)
		}
	}
	// Nobody can tell: it may be one.
	if err := c.findWriter("robot", func() ([]string, error) { return nil, errors.New("refused") }); err != nil {
		t.Error(err)
	}
}
