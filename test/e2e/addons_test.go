package e2e

import (
	"strings"
	"syscall"
	"testing"

	"kubarium/cluster/addons"
)

// partOf is the component by which an add-on shows.
var partOf = map[string]string{
	addons.LoadBalancer:  "cloud-controller-manager",
	addons.NetworkPolicy: "network-policy",
	addons.Metrics:       "metrics-server",
	addons.Storage:       "storage-provisioner",
	addons.Ingress:       "traefik",
}

// addOnsAreLeftOut starts a cluster with no add-on, and again with all.
func addOnsAreLeftOut(t *testing.T) {
	all := strings.Join(addons.Names(), ",")
	c := newCluster(t, "bare", 1, "--disable", all)
	parts := c.parts(t)
	for name, part := range partOf {
		if _, there := parts[part]; there {
			t.Errorf("without %s, there is %s", name, part)
		}
	}
	c.end(t, syscall.SIGTERM)
	c.flags = nil
	c.again(t)
	parts = c.parts(t)
	for _, name := range addons.Names() {
		if purpose, there := parts[partOf[name]]; !there || purpose == "" {
			t.Errorf("with %s, component %q, purpose %q: %t", name, partOf[name], purpose, there)
		}
	}
	if out, code := c.try(t, "up", "--disable", "nonsense"); code != 1 || !strings.Contains(out, all[:8]) || strings.Contains(out, "running already") {
		t.Errorf("without what there is not: exit code %d, %s", code, out)
	}
}

// parts returns the purposes of the components, by name.
func (c *testCluster) parts(t *testing.T) map[string]string {
	t.Helper()
	info, err := c.control().Info(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, part := range info.Components {
		parts[part.Name] = part.Purpose
	}
	return parts
}
