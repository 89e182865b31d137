package e2e

import (
	"os"
	"path/filepath"
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
	s.loses("d delete")
	s.keys("d")
	s.sees("you have no right to delete deployments here")
	s.keys("\x14")
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
