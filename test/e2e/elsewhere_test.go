package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestClusterElsewhere opens the app on a cluster by its kubeconfig, as somebody who may
// only look at one namespace.
func TestClusterElsewhere(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	shared.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0")
	shared.kubectl(t, "-n", ns, "create", "serviceaccount", "viewer")
	shared.kubectl(t, "-n", ns, "create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount="+ns+":viewer")
	token := strings.TrimSpace(shared.kubectl(t, "-n", ns, "create", "token", "viewer"))

	config, err := clientcmd.LoadFromFile(shared.path("kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	config.AuthInfos["viewer"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["only-look"] = &clientcmdapi.Context{Cluster: config.Contexts[config.CurrentContext].Cluster, AuthInfo: "viewer", Namespace: ns}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}

	temporary := t.TempDir()
	s := openScreen(t, 140, 40, []string{"TMPDIR=" + temporary}, "--kubeconfig", path, "--context", "only-look", "--no-motion")
	s.sees("only-look", "namespace "+ns, "web-", "no right to list nodes", "run elsewhere")
	s.run("deploy")
	s.sees("deployments.apps  in "+ns, "1/1")
	// The rights come a moment after the table.
	s.sees("(d delete)")
	s.keys("d")
	s.sees("you have no right to delete deployments here")
	s.until("the reason gone", func(text string) bool { return !strings.Contains(text, "you have no right") })
	s.click("(d delete)")
	s.sees("you have no right to delete deployments here")
	s.keys("esc", "m")
	s.sees("no right to list nodes")
	s.keys("m", "\x07")
	s.sees("CPU of all nodes", "You have no right to read", "(/metrics) of this cluster")
	s.keys("l", "l")
	s.sees("web-", "memory", "i, last ")
	s.keys("esc", "3", "enter")
	s.sees("What it wants")
	s.keys("3", "i")
	s.sees("APIVersion defines")
	s.keys("esc")
	s.keys("e")
	s.sees("you have no right to update pods here")
	s.keys("x")
	s.sees("you have no right to create pods/exec here")
	s.keys("?")
	s.sees("Keys and signs", "(you have no")
	s.keys("esc", "\x14")
	s.sees("(kubarium)")
	s.keys("kubectl config current-context; kubectl auth whoami -o jsonpath={.status.userInfo.username}; echo\r")
	s.sees("system:serviceaccount:" + ns + ":viewer")
	s.keys("\x14", "q")
	s.sees("goes on without you")
	s.keys("y")
	<-s.exited
	if entries, err := os.ReadDir(temporary); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
	shared.kubectl(t, "get", "--raw", "/readyz")
}

// TestPlainLooks goes through views of the real program on a terminal of 80x24 whose user wants
// no colours, and with ASCII only, and reads every byte that it writes.
func TestPlainLooks(t *testing.T) {
	t.Parallel()
	for _, ascii := range []bool{false, true} {
		args := []string{"--kubeconfig", shared.path("kubeconfig"), "--no-motion"}
		if ascii {
			args = append(args, "--ascii")
		}
		s := openScreen(t, 80, 24, []string{"NO_COLOR=1", "COLORTERM=truecolor"}, args...)
		s.sees("node-1", "Nodes", "help")
		s.keys("m")
		s.sees("cpu ")
		s.keys("m", "3")
		s.sees("coredns")
		s.run("po kube-system")
		s.sees("pods  in kube-system", "Running")
		s.keys("/", "coredns", "enter")
		s.loses("traefik")
		s.keys("enter")
		s.sees("What it wants")
		for _, tab := range []string{"Name:", "apiVersion", `CoreDNS-|plugin/|INFO`} {
			s.keys("tab")
			s.until(tab, regexp.MustCompile(tab).MatchString)
		}
		s.keys("esc", "?")
		s.sees("Keys and signs")
		s.keys("esc", "d")
		s.sees("Delete pod/coredns-")
		s.keys("esc", "\x07")
		s.sees("CPU of all nodes")
		s.keys("esc", "\x10")
		s.sees("Find")
		s.keys("esc")
		if found := regexp.MustCompile(`\x1b\[(?:[0-9;:]*[;:])?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m`).FindString(s.raw.text()); found != "" {
			t.Errorf("with NO_COLOR it writes the colour %q", found)
		}
		if at := strings.IndexFunc(s.raw.text(), func(r rune) bool { return r > 126 }); ascii && at >= 0 {
			t.Errorf("with --ascii it writes %q", s.raw.text()[at:min(at+20, len(s.raw.text()))])
		}
	}
}

// TestClusterElsewhereWithAllRights opens the app on a cluster by its kubeconfig only, as
// somebody who may do all: objects, the map and the graphs are there, and what only those
// see who run the cluster says so.
func TestClusterElsewhereWithAllRights(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	shared.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0")
	data, err := os.ReadFile(shared.path("kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openScreen(t, 120, 40, nil, "--kubeconfig", path, "--no-motion")
	s.sees("node-1", "run elsewhere", "READY")
	s.keys("m")
	s.sees("node-1", "node-3", "used")
	s.keys("s")
	s.sees("not ours to stop")
	s.keys("z")
	s.sees("not ours to freeze")
	s.keys("<")
	s.sees("only a cluster of kubarium's own keeps its moments")
	s.keys("I")
	s.sees("started elsewhere")
	s.keys("m", "\x07")
	s.sees("CPU of all nodes", "i, last ", "API requests", "/s, last ", "API latency, mean", " ms, last ", "Only a cluster that kubarium runs")
	for _, page := range []string{"node-1 memory", "memory", "get", "Only a cluster that kubarium runs", "leases", "API server mean", "last "} {
		s.keys("l")
		s.sees(page)
	}
	s.keys("esc")
	s.run("deploy " + ns)
	s.sees("deployments.apps  in "+ns, "1/1")
	s.keys("S")
	s.sees("scale deployment/web")
	s.keys("2", "enter")
	s.sees("deployment.apps/web scaled", "2/2")
	s.leave()
	s.keys("d")
	s.sees("Delete deployment/web?")
	s.keys("y")
	s.sees("There are none in " + ns)
	s.keys("u")
	s.sees("cannot be brought back")
	s.keys("esc", "q")
	s.sees("goes on without you")
	s.keys("y")
	<-s.exited
	shared.kubectl(t, "get", "--raw", "/readyz")
}
