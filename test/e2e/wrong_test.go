package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wrong is an invocation of the program that can't work, and what it is to say.
type wrong struct{ line, want string }

// withoutCluster are wrong where no cluster runs, or wherever.
var withoutCluster = []wrong{
	{"nonsense", `unknown command "nonsense"`},
	{"Up", `is it "up"?`},
	{"upp", `is it "up"?`},
	{"up extra", "takes no arguments"},
	{"up --nonsense", "unknown flag: --nonsense"},
	{"up -x", "unknown shorthand flag"},
	{"up --nodes", "flag needs an argument"},
	{"up --nodes=", "use a whole number"},
	{"up --nodes 0", "a cluster has 1 to"},
	{"up --nodes -1", "a cluster has 1 to"},
	{"up --nodes 201", "a cluster has 1 to"},
	{"up --nodes 3.5", "use a whole number"},
	{"up --nodes three", "use a whole number"},
	{"up --nodes 99999999999999999999", "use a whole number"},
	{"up --name", "flag needs an argument"},
	{"up --name=Wrong_Name", "use at most 40 of"},
	{"up --name -x-", "use at most 40 of"},
	{"up --name a/b", "use at most 40 of"},
	{"up --name ../up", "use at most 40 of"},
	{"up --name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "use at most 40 of"},
	{"up --name a.b", "use at most 40 of"},
	{"up --data-dir /var/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "too long for the sockets"},
	{"up --data-dir /proc/none", "make state directory"},
	{"up --data-dir /dev/null", "make state directory"},
	{"up --disable nonsense", "there is no add-on"},
	{"up --disable metrics,nonsense", "there is no add-on"},
	{"up -o xml", "use text or json"},
	{"up --output", "flag needs an argument"},
	{"up --output JSON", "use text or json"},
	{"up --unsafe-no-fsync=maybe", "use true or false"},
	{"up --encrypt-secrets=perhaps", "use true or false"},
	{"up --certificate-lifetime 5s", "use 1m0s to"},
	{"up --certificate-lifetime soon", "use a duration"},
	{"up --theme dark", "unknown flag: --theme"},
	{"--theme nonsense", "needs a terminal"},
	{"--nodes 0", "needs a terminal"},
	{"--lesson nonsense", "needs a terminal"},
	{"--no-motion=2x", "use true or false"},
	{"--nonsense", "unknown flag"},
	{"-z", "unknown shorthand flag"},
	{"down extra", "takes no arguments"},
	{"down", "is not running: start it with"},
	{"down --force", "unknown flag"},
	{"env extra", "takes no arguments"},
	{"env", "there is no cluster"},
	{"env --shell fish", "unknown flag"},
	{"node nonsense", "unknown command"},
	{"node ls extra", "takes no arguments"},
	{"node ls", "is not running"},
	{"node list", "is not running"},
	{"node add", "is not running"},
	{"node add 3", "takes no arguments"},
	{"node add --count 2", "unknown flag"},
	{"node start", "takes NODE..."},
	{"node start node-1", "is not running"},
	{"node stop", "takes NODE..."},
	{"node stop node-1", "is not running"},
	{"node kill", "takes NODE..."},
	{"node kill node-9", "is not running"},
	{"node rm", "takes NODE..."},
	{"node rm node-1", "is not running"},
	{"component nonsense", "unknown command"},
	{"component ls extra", "takes no arguments"},
	{"component ls", "is not running"},
	{"component stop", "takes COMPONENT..."},
	{"component stop nonsense", "is not running"},
	{"component start", "takes COMPONENT..."},
	{"component start etcd", "is not running"},
	{"image nonsense", "unknown command"},
	{"image ls extra", "takes no arguments"},
	{"image ls", "is not running"},
	{"image load", "takes FILE"},
	{"image load a b", "takes FILE"},
	{"image load /nonexistent", "no such file"},
	{"image load /dev/null", "is not running"},
	{"image load /", "is not running"},
	{"lesson nonsense", "unknown command"},
	{"lesson list extra", "takes no arguments"},
	{"lesson list -o xml", "use text or json"},
	{"lesson lint /nonexistent", "no such file"},
	{"lesson lint a b", "takes [DIR]"},
	{"lesson test", "say which lessons"},
	{"lesson test nonsense", "there is no lesson"},
	{"lesson test --all extra", "say which lessons"},
	{"lesson test --all --part 0/3", "such as 2/3"},
	{"lesson test --all --part third", "such as 2/3"},
	{"lesson play", "takes ID"},
	{"lesson play nonsense", "there is no lesson"},
	{"lesson new", "takes ID [DIR]"},
	{"lesson new Wrong_ID", "is no id of a lesson"},
	{"lesson new a b c", "takes ID [DIR]"},
	{"lesson list --lessons /nonexistent", "no such file"},
	{"glossary nonsense-word", "the glossary has no"},
	{"glossary --nonsense", "unknown flag"},
	{"doctor extra", "takes no arguments"},
	{"doctor --cluster", "is not running"},
	{"doctor -o xml", "unknown shorthand flag"},
	{"encrypt-secrets extra", "takes no arguments"},
	{"encrypt-secrets", "is not running"},
	{"encrypt-secrets --off=x", "use true or false"},
	{"etcd nonsense", "unknown command"},
	{"etcd ls", "is not running"},
	{"etcd ls a b", "takes [PREFIX]"},
	{"etcd get", "takes KEY"},
	{"etcd get a b", "takes KEY"},
	{"trace extra", "unknown command"},
	{"trace", "is not running"},
	{"trace -o xml", "use lines or json"},
	{"trace --match", "flag needs an argument"},
	{"follow", "takes (TYPE/NAME"},
	{"follow nonsense", "write TYPE/NAME"},
	{"follow pod/", "write TYPE/NAME"},
	{"follow /web", "write TYPE/NAME"},
	{"follow pod/web/c", "write TYPE/NAME"},
	{"follow pod/a pod/b", "one object is followed at a time"},
	{"follow pod/a -n default pod/b", "one object is followed at a time"},
	{"follow pod/web", "is not running"},
	{"follow pod/web -f", "is not running"},
	{"follow pod/web -o xml", "use lines, markdown, json or otlp"},
	{"follow pod/web --idle soon", "use a duration"},
	{"follow pod/web --name ..", "use at most 40 of"},
	{"follow kubectl get pods", "is not running"},
	{"bench ui --size 79x24", "from 80x24"},
	{"bench ui --size large", "use columns and lines"},
	{"bench nonsense", "unknown command"},
	{"bench boot extra", "takes no arguments"},
	{"bench boot -o xml", "use text or json"},
	{"bench boot --idle soon", "use a duration"},
	{"bench restart -o xml", "use text or json"},
	{"bench restart --rounds 0", "use 1 to"},
	{"reset", "add --yes"},
	{"reset extra", "takes no arguments"},
	{"clean", "add --yes"},
	{"clean --force", "unknown flag"},
	{"clean --yes", "there is no cluster in"},
	{"reset --yes", "there is no cluster in"},
	{"clean --yes --name=", "use at most 40 of"},
	{"clean --yes --name ..", "use at most 40 of"},
	{"clean --yes --name a/../..", "use at most 40 of"},
	{"clean --yes --data-dir=", "--data-dir is empty"},
	{"down --name ..", "use at most 40 of"},
	{"snapshot list --name a/b", "use at most 40 of"},
	{"kubectl --name ../a get pods", "use at most 40 of"},
	{"version extra", "takes no arguments"},
	{"completion nonsense", "unknown command"},
	{"help nonsense", "there is no command"},
	{"kubectl get pods", "there is no cluster"},
}

// withCluster are wrong where a cluster runs.
var withCluster = []wrong{
	{"up", "running already"},
	{"node start node-1", "runs already"},
	{"node start node-9", "there is no node"},
	{"node stop node-9", "there is no node"},
	{"node kill nonsense", "there is no node"},
	{"node rm node-9", "there is no node"},
	{"component stop nonsense", "there is no component"},
	{"component start node-1", "there is no component"},
	{"image load /dev/null", "archive"},
	{"image load /etc/hostname", "archive"},
	{"etcd get /nonsense", "etcd has no key"},
	{"trace --component nonsense", "there is no component"},
	{"follow nonsense/web", "the server has no kind"},
	{"kubectl get nonsense", "the server doesn't have a resource type"},
	{"kubectl get pod nonsense", "not found"},
}

// TestWrongInvocations proves that each wrong invocation says in one sentence what is
// wrong, fails, and leaves the machine as it was.
func TestWrongInvocations(t *testing.T) {
	before, err := look("none")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// What an invocation writes by mistake is seen here.
	work := t.TempDir()
	for _, w := range withoutCluster {
		w.try(t, work, "none", dir)
	}
	for _, w := range withCluster {
		w.try(t, work, shared.name, shared.dir)
	}
	for _, d := range []string{dir, work} {
		if found, err := listFiles(d); err != nil || len(found) > 0 {
			t.Errorf("wrong invocations made %v: %v", found, err)
		}
	}
	before.compare(t, "after wrong invocations", "none")
	shared.kubectl(t, "wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
}

func (w wrong) try(t *testing.T, work, name, dir string) {
	t.Helper()
	args := append([]string{"--name", name, "--data-dir", dir}, strings.Fields(w.line)...)
	cmd := exec.CommandContext(bounded(t), absoluteProgram(t), args...)
	cmd.Dir = work
	var told, shown strings.Builder
	cmd.Stderr, cmd.Stdout = &told, &shown
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("kubarium %s: %v", w.line, err)
	}
	code, text := cmd.ProcessState.ExitCode(), strings.TrimSpace(told.String())
	switch {
	case code != 1:
		t.Errorf("kubarium %s: exit code %d, want 1", w.line, code)
	case !strings.Contains(text, w.want) || strings.Contains(text, "\n") || !strings.HasPrefix(strings.ToLower(text), "error"):
		t.Errorf("kubarium %s says %q, want one sentence with %q", w.line, text, w.want)
	case shown.Len() > 0:
		t.Errorf("kubarium %s shows, though it fails: %s", w.line, shown.String())
	}
}

// absoluteProgram is the program's path from whatever directory.
func absoluteProgram(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(program())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// listFiles names all that is in a directory.
func listFiles(dir string) ([]string, error) {
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
