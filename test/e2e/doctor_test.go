package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// TestDoctor proves that "doctor --cluster" passes on a good cluster, notices a service
// that does not work, and leaves nothing.
func TestDoctor(t *testing.T) {
	// What it stops, no other test that runs side by side needs.
	t.Parallel()
	out := shared.kubarium(t, "doctor", "--cluster")
	for _, check := range []string{
		"components", "nodes", "cluster DNS", "pod network", "services", "node ports", "logs", "exec",
		"load balancers", "ingress", "network policies", "storage", "metrics", "clean-up",
	} {
		if !regexp.MustCompile(`(?m)^` + check + `  .*  ok  `).MatchString(out) {
			t.Errorf("%s is not there, or not ok", check)
		}
	}
	if !regexp.MustCompile(`\n\d+ passed, 0 failed\n$`).MatchString(out) || t.Failed() {
		t.Errorf("of a good cluster:\n%s", out)
	}
	if err := shared.control().Component(bounded(t), "storage-provisioner", "stop"); err != nil {
		t.Fatal(err)
	}
	out, code := shared.try(t, "doctor", "--cluster")
	if err := shared.control().Component(bounded(t), "storage-provisioner", "start"); err != nil {
		t.Error(err)
	}
	if code != 1 || !regexp.MustCompile(`(?m)^storage  .*  failed  `).MatchString(out) || !strings.HasSuffix(out, " passed, 2 failed\n") ||
		!strings.Contains(out, "storage-provisioner is Stopped") {
		t.Errorf("without the provisioner: exit code %d\n%s", code, out)
	}
	if left := shared.kubectl(t, "get", "namespaces", "-o", "name"); strings.Contains(left, "doctor") {
		t.Errorf("left: %s", left)
	}
}
