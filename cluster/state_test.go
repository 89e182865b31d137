package cluster

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzReadState looks for states that a cluster would start with, and fail by: node
// names that lead out of the directory, addresses out of the network.
func FuzzReadState(f *testing.F) {
	f.Add([]byte(`{"version":1,"port":6443,"nodes":[{"name":"node-1","index":1,"machineID":"00"}],"nextNode":2}`))
	f.Add([]byte(`{"version":1,"nodes":[{"name":"../../etc","index":1}]}`))
	f.Add([]byte(`{"version":1,"nodes":[{"name":"node-300","index":300}]}`))
	f.Add([]byte(`{"version":1,"nodes":[{"name":"node-1","index":1},{"name":"node-1","index":1}],"nextNode":1}`))
	f.Add([]byte(`{"version":1,"po`))
	f.Add([]byte(`{"version":1,"kubernetes":"1.99","nextNode":1}`))
	path := filepath.Join(f.TempDir(), "cluster.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := readState(path)
		if err != nil {
			if !strings.Contains(err.Error(), "reset") {
				t.Errorf("an error without a remedy: %v", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, n := range s.Nodes {
			if strings.ContainsAny(n.Name, "/.") || n.Index < 1 || n.Index > MaxNodes || seen[n.Name] || n.Index >= s.NextNode {
				t.Errorf("taken with node %+v, next %d", n, s.NextNode)
			}
			seen[n.Name] = true
		}
		if s.Port < 0 || s.Port > 65535 {
			t.Errorf("taken with port %d", s.Port)
		}
	})
}

// TestTakenPortIsTold proves that a cluster whose port is taken says so at each way in, and
// one that has its own again says nothing.
func TestTakenPortIsTold(t *testing.T) {
	held, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	had := held.Addr().(*net.TCPAddr).Port
	c := &Cluster{layout: LayoutOf(t.TempDir(), "taken")}
	if err := c.layout.Make(); err != nil {
		t.Fatal(err)
	}
	if err := (state{Version: stateVersion, NextNode: 1, Port: had}).write(c.layout.state()); err != nil {
		t.Fatal(err)
	}
	if c.state, err = c.loadState(); err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(c.Notes(), "\n")
	for _, want := range []string{"127.0.0.1:" + strconv.Itoa(had) + " is taken", "127.0.0.1:" + strconv.Itoa(c.state.Port) + " from now on", c.layout.Kubeconfig()} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %q", want, notes)
		}
	}
	if c.state, err = c.loadState(); err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(c.Notes(), "\n"); strings.Contains(notes, "is taken") {
		t.Errorf("with the port of the last start: %q", notes)
	}
}

// TestNewerKubernetesIsRefused proves that data of a newer Kubernetes is left alone, and says whose
// it is; that of an older one, or of a program that did not write it down, is taken over.
func TestNewerKubernetesIsRefused(t *testing.T) {
	for kubernetes, want := range map[string]string{
		"1.99": "use a kubarium that has 1.99 or later", "v2.0.3": "use a kubarium that has 2.0 or later", "new": "there is no such version",
		"": "", "1.30": "", ownKubernetes: "", "v" + ownKubernetes + ".99": "",
	} {
		c := &Cluster{layout: LayoutOf(t.TempDir(), "lab")}
		if err := c.layout.Make(); err != nil {
			t.Fatal(err)
		}
		if err := (state{Version: stateVersion, NextNode: 1, Kubernetes: kubernetes}).write(c.layout.state()); err != nil {
			t.Fatal(err)
		}
		var err error
		if c.state, err = c.loadState(); err == nil {
			err = c.noteKubernetes()
		}
		if err != nil != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Kubernetes %q: %v, want %q", kubernetes, err, want)
		}
		if s, err := readState(c.layout.state()); want == "" && (err != nil || s.Kubernetes != ownKubernetes) {
			t.Errorf("after the start it is written that Kubernetes %q ran it: %v", s.Kubernetes, err)
		}
	}
}
