package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestEnv proves that a shell that evaluates the output has a kubectl for the cluster.
func TestEnv(t *testing.T) {
	script := `eval "$("$0" env "$@")" && kubectl get nodes --output name && test -r "$KUBECONFIG"`
	cmd := exec.CommandContext(bounded(t), "sh", "-c", script, program(), "--name", shared.name, "--data-dir", shared.dir)
	out, err := cmd.CombinedOutput()
	if want := "node/node-1\nnode/node-2\nnode/node-3\n"; err != nil || string(out) != want {
		t.Errorf("kubectl after eval: %v, output %q, want %q", err, out, want)
	}
}

// TestNeedsRoot proves that somebody else is told what root is needed for.
func TestNeedsRoot(t *testing.T) {
	// Nobody may be allowed to reach the program by its path.
	file, err := os.Open(program())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, args := range [][]string{{"up"}, {"clean", "--yes"}, {"reset", "--yes"}} {
		cmd := exec.CommandContext(bounded(t), "/proc/self/fd/3", append(args, "--data-dir", shared.dir, "--name", shared.name)...)
		cmd.ExtraFiles = []*os.File{file}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "needs root") || strings.Count(string(out), "\n") != 1 {
			t.Errorf("kubarium %v as nobody: exit code %d, %s", args, code, out)
		}
	}
	shared.kubectl(t, "get", "nodes")
}

// TestCommandLine proves that wrong invocations say what is wrong, in one sentence.
func TestCommandLine(t *testing.T) {
	none := &testCluster{name: "none", dir: t.TempDir()}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "kubernetes v1.37.1"},
		{[]string{"help"}, 0, "Available Commands:"},
		{[]string{"up", "--help"}, 0, "Usage:"},
		{[]string{"completion", "bash"}, 0, "bash completion"},
		{[]string{"kubectl", "version", "--client"}, 0, "v1.37.1"},
		{[]string{"up", "--name", "Wrong_Name"}, 1, "cluster name \"Wrong_Name\""},
		{[]string{"doctor"}, 0, "0 failed"},
		{[]string{"nonsense"}, 1, `unknown command "nonsense"`},
		{[]string{"up", "--nonsense"}, 1, "unknown flag: --nonsense"},
		{[]string{"up", "--nodes", "0"}, 1, "a cluster has 1 to"},
		{[]string{"up", "-o", "xml"}, 1, "use text or json"},
		{[]string{"node", "ls"}, 1, "is not running: start it with"},
		{[]string{"node", "add"}, 1, "is not running"},
		{[]string{"image", "ls"}, 1, "is not running"},
		{[]string{"down"}, 1, "is not running"},
		{[]string{"node", "kill"}, 1, "takes NODE..."},
		{[]string{"image", "load", "/nonexistent"}, 1, "no such file"},
		{[]string{"env"}, 1, "there is no cluster"},
		{[]string{"kubectl", "get", "pods"}, 1, "there is no cluster"},
		{[]string{"clean"}, 1, "--yes"},
		{[]string{"lesson", "test", "nonsense"}, 1, "there is no"},
		{[]string{"lesson", "list", "--lessons", "oci://127.0.0.1:1/none:1"}, 1, "pull course"},
		{[]string{"lesson", "list", "--lessons", "/nonexistent"}, 1, "open course"},
		{[]string{"lesson", "import", "nonsense", "."}, 1, "use killercoda or iximiuz"},
		{[]string{"lesson", "import", "killercoda", "."}, 1, "index.json"},
	} {
		out, code := none.try(t, test.args...)
		if code != test.code || !strings.Contains(out, test.want) {
			t.Errorf("kubarium %s: exit code %d, want %d; output, want %q:\n%s", strings.Join(test.args, " "), code, test.code, test.want, out)
		}
	}
	if entries, err := os.ReadDir(none.dir); err != nil || len(entries) > 0 {
		t.Errorf("wrong invocations made %v: %v", entries, err)
	}
}
