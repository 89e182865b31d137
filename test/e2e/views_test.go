package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everyView opens what the other parts of the app's test do not, from the panes on, and
// comes back to them: by keys, by commands, and by the mouse.
func everyView(s *screen, kubectl []string) {
	s.t.Helper()
	back := func() {
		s.keys("esc")
		s.sees("Control plane", "READY")
	}
	s.t.Log("each pane, and the log of a component")
	s.keys("1", "\x1b[C", "\x1b[C", "\x1b[C", "enter")
	s.sees("decides on which node each new pod runs", "Serving securely")
	back()
	s.keys("2", "enter")
	s.sees("node/node-", "What it has")
	back()
	s.keys("4", "g", "enter")
	s.sees("service/", "What it wants")
	back()
	s.keys("5", "g", "enter")
	s.sees("Describe")
	back()

	s.t.Log("a table of each kind that the server has")
	kinds := strings.Fields(prints(s.t, append(slices.Clone(kubectl), "api-resources", "--verbs=list", "-o", "name")...))
	if len(kinds) < 50 {
		s.t.Errorf("only %d kinds: %v", len(kinds), kinds)
	}
	some := objectsThere(s.t, kubectl, kinds)
	for _, kind := range kinds {
		s.run(kind + " -A")
		// A heading alone is there with an error, too.
		s.until("a table of "+kind, func(text string) bool {
			return strings.Contains(text, "─ "+kind+" ") && (strings.Contains(text, "▸ ") || !some[kind] && strings.Contains(text, "There are none."))
		})
	}
	back()

	s.t.Log("an object's logs and events")
	s.run("po kube-system")
	s.sees("pods  in kube-system", "coredns-")
	s.keys("l")
	s.sees("CoreDNS-", "f hold")
	s.keys("5")
	s.sees("pod/coredns-")
	s.keys("esc")
	s.sees("pods  in kube-system")
	s.keys("esc", "n")
	s.sees("all namespaces")
	s.click("all namespaces")
	s.loses("namespace kube-system")

	s.t.Log("glass, and what is in etcd")
	s.keys("I")
	s.sees("API server", "Scheduler", "Controllers", "Nodes", "On purpose", " events")
	s.keys("w")
	s.sees("QUEUE", "RETRIED")
	s.keys("esc")
	back()
	s.run("etcd /registry/namespaces/")
	s.sees("REVISION", "LEASE", "kube-public")
	s.keys("enter")
	s.sees("kind: Namespace", "revision ")
	s.keys("esc")
	s.sees("etcd /registry/namespaces/")
	back()

	s.t.Log("each page of the graphs")
	s.run("graphs")
	for _, page := range []string{"API requests", "node-1 memory", "memory", "get", "kube-", "leases", "median", ""} {
		s.sees(page, "last ")
		s.keys("l")
	}
	back()
	overViews(s)
}

// objectsThere tells of which kinds there are any, by kubectl.
func objectsThere(t *testing.T, kubectl, kinds []string) map[string]bool {
	t.Helper()
	some := map[string]bool{}
	there := prints(t, append(slices.Clone(kubectl), "get", strings.Join(kinds, ","), "-A", "-o", `jsonpath={range .items[*]}{.apiVersion} {.kind}{"\n"}{end}`)...)
	for line := range strings.Lines(prints(t, append(slices.Clone(kubectl), "api-resources", "--verbs=list", "--no-headers")...)) {
		f := strings.Fields(line) // a name, short names or none, the version, whether in namespaces, the kind
		name, version, kind := f[0], f[len(f)-3], f[len(f)-1]
		if group, _, ok := strings.Cut(version, "/"); ok {
			name += "." + group
		}
		some[name] = strings.Contains(there, version+" "+kind+"\n")
	}
	if !some["pods"] || !some["deployments.apps"] {
		t.Errorf("by kubectl there are no pods or deployments: %q", there)
	}
	return some
}

// overViews opens what lies over views, and does with the mouse what keys do.
func overViews(s *screen) {
	s.t.Helper()
	s.t.Log("dialogs")
	s.keys("?")
	s.sees("Keys and signs", "Everywhere")
	s.keys("esc")
	s.keys("\x10") // ctrl+p
	s.sees("Find", "all that is there of ")
	s.keys("coredns", "enter")
	s.sees("What it wants")
	s.keys("\x10")
	s.sees("Find", "all that is there of ")
	s.keys("customresourcedefinition gatewayclasses")
	s.sees("customresourcedefinition.apiextensions.k8s.io gatewayclasses.gateway")
	s.keys("enter")
	s.sees("What it has", "condition Established: True")
	s.keys("esc")
	s.sees("Control plane", "READY")
	s.keys("!")
	s.sees("What was said", ":")
	s.keys("enter")
	s.loses("What was said")

	s.t.Log("the mouse, where keys work")
	s.click("? help")
	s.sees("Keys and signs")
	s.click("esc back")
	s.loses("Keys and signs")
	s.keys("q")
	s.sees("Leave kubarium?")
	s.click("esc/n keep")
	s.loses("Leave kubarium?")

	s.t.Log("copy, by the terminal")
	s.run("ns")
	s.sees("STATUS", "kube-public")
	s.click("kube-system ")
	s.keys("c")
	s.sees("to the clipboard: kube-system")
	s.copied("kube-system")
	s.click("STATUS")
	s.sees("by status")
	s.click("esc back")
	s.sees("Control plane")

	s.t.Log("the world stands still while one reads, and goes on")
	s.keys("z")
	s.sees("FROZEN", "z thaw")
	s.keys("z")
	s.until("a world that goes on", func(text string) bool { return !strings.Contains(text, "FROZEN") })
	s.sees("the world goes on")
}

// prints runs the program, and returns what it prints.
func prints(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(bounded(t), program(), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// rollouts restarts a workload, looks at its versions and goes back; and compares it with what
// was applied after somebody has scaled it.
func rollouts(s *screen, kubectl []string, dir string) {
	s.t.Helper()
	s.t.Log("restart, rollout history and undo, as commands that can be read before")
	image := func() string {
		return prints(s.t, append(slices.Clone(kubectl), "get", "deployment", "applied", "-n", "default", "-o", "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}")...)
	}
	file := filepath.Join(dir, "applied.yaml")
	manifest := func(image string) {
		s.t.Helper()
		text := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: applied, namespace: default}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: applied}}\n" +
			"  template:\n    metadata: {labels: {app: applied}}\n    spec: {containers: [{name: web, image: " + image + "}]}\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
		s.run("apply -f " + file)
	}
	manifest("kubarium/web:1.0")
	s.sees("deployment.apps/applied created")
	s.leave()
	manifest("kubarium/web:2.0")
	s.sees("deployment.apps/applied configured")
	s.leave()
	s.run("deploy default")
	s.sees("deployments.apps  in default", "▸ applied ", "  web ")
	s.keys("H")
	s.sees("rollout history deployment/applied -n default")
	s.keys("enter")
	s.sees("REVISION")
	s.leave()
	s.keys("U")
	s.sees("rollout undo deployment/applied -n default")
	s.keys("enter")
	s.sees("deployment.apps/applied rolled back")
	s.leave()
	s.keys("R")
	s.sees("rollout restart deployment/applied -n default")
	s.keys("enter")
	s.sees("deployment.apps/applied restarted")
	s.leave()

	s.t.Log("several at once: what is marked")
	s.keys("\x01", "S")
	s.sees("scale deployment/applied deployment/web -n default --replicas=")
	s.keys("2", "enter")
	s.sees("deployment.apps/applied scaled", "deployment.apps/web scaled")
	s.leave()
	if got := image(); got != "2 kubarium/web:1.0" {
		s.t.Errorf("the deployment has %q", got)
	}

	s.t.Log("what was applied, and what it is now")
	s.keys("\x01", "g", "y")
	s.sees("kind: Deployment")
	s.keys("D")
	s.sees("Applied by kubectl apply", "-  replicas: 1", "+  replicas: 2", "web:2.0", "web:1.0")
	s.keys("esc")
	s.run("delete deployment applied -n default")
	s.sees("deleted")
	s.leave()
	// Whoever opens this table next is to wait for the new one, and not see the old one.
	s.keys("esc", "esc") // from the table, and from the output
	s.sees("Control plane", "READY")
}
