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
	{"up --etcd-members 2", "use 1, or 3"},
	{"up --etcd-members 0", "use 1, or 3"},
	{"up --etcd-members three", "use 1, or 3"},
	{"up --node-disk 1", "a node's disk of 1: it has to have 1Gi, or more"},
	{"up --node-disk 500Mi", "it has to have 1Gi, or more"},
	{"up --node-disk much", "use a size such as 2Gi"},
	{"up --node-disk=", "use a size such as 2Gi"},
	{"up --node-disk -5Gi", "use a size such as 2Gi"},
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
	{"fault nonsense", "unknown command"},
	{"fault list nonsense", `there is no fault "nonsense"; there are`},
	{"fault list a b", "takes [NAME]"},
	{"fault status", "is not running"},
	{"fault status extra", "takes no arguments"},
	{"fault inject", "takes NAME TARGET"},
	{"fault inject container-oom", "takes NAME TARGET"},
	{"fault inject node-kill node-1 now", "takes NAME TARGET"},
	{"fault inject node-kill node-1", "is not running"},
	{"fault inject node-kill node-1 --for soon", "use a duration"},
	{"fault inject node-kill node-1 --for 0s", "use a duration"},
	{"fault inject node-kill node-1 --for -1m", "use a duration"},
	{"fault heal", "or say --all"},
	{"fault heal node-kill --all", "or say --all"},
	{"fault heal a b c", "takes NAME [TARGET] | --all"},
	{"fault heal --all", "is not running"},
	{"hold", "takes RULE"},
	{"hold bindings extra", "takes RULE"},
	{"hold bindings", "is not running"},
	{"hold bindings --rate 0", "such as 1/10"},
	{"hold bindings --rate fast", "such as 1/10"},
	{"hold list", "is not running"},
	{"hold list extra", "takes no arguments"},
	{"step", "is not running"},
	{"step a b", "takes [RULE]"},
	{"step -n many", "use a whole number"},
	{"release", "or say --all"},
	{"release bindings --all", "or say --all"},
	{"release a b", "takes RULE | --all"},
	{"release --all", "is not running"},
	{"clock", "is not running"},
	{"clock extra", "unknown command"},
	{"clock -o xml", "use json"},
	{"clock fast", "is not running"},
	{"clock fast extra", "takes no arguments"},
	{"clock fast --for soon", "use a duration"},
	{"clock fast --for 0s", "use a duration"},
	{"clock normal", "is not running"},
	{"inspect nonsense", "unknown command"},
	{"inspect node", "takes NAME"},
	{"inspect node node-1", "is not running"},
	{"inspect node node-1 -o xml", "use json"},
	{"inspect container", "takes POD"},
	{"inspect container web", "is not running"},
	{"inspect service a b", "takes NAME"},
	{"inspect service web", "is not running"},
	{"inspect path pod/web", "takes SENDER DESTINATION"},
	{"inspect path pod/web svc/web", "is not running"},
	{"freeze", "is not running"},
	{"freeze extra", "takes no arguments"},
	{"thaw", "is not running"},
	{"thaw extra", "takes no arguments"},
	{"undo", "is not running"},
	{"undo extra", "takes no arguments"},
	{"undo --list --show", "not both"},
	{"redo", "is not running"},
	{"redo extra", "takes no arguments"},
	{"shell", "is not running"},
	{"shell --nonsense", "unknown flag"},
	{"shell -- true", "is not running"},
	{"config extra", "takes no arguments"},
	{"config --nonsense", "unknown flag"},
	{"support-bundle", "there is no cluster"},
	{"support-bundle a b", "takes [FILE]"},
	{"snapshot nonsense", "unknown command"},
	{"snapshot list", "is not running"},
	{"snapshot save a", "is not running"},
	{"snapshot save a b", "takes [NAME]"},
	{"snapshot restore", "takes NAME"},
	{"snapshot restore a", "is not running"},
	{"snapshot rm", "takes NAME..."},
	{"snapshot rm a", "is not running"},
	{"snapshot diff", "takes FROM [TO]"},
	{"snapshot diff a b c", "takes FROM [TO]"},
	{"snapshot diff a -o xml", "use json"},
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
	{"fault inject nonsense node-1", `there is no fault "nonsense"; there are`},
	{"fault inject node-kill node-9", "there is no node"},
	{"fault inject component-stop nonsense", "there are etcd, kube-apiserver"},
	{"fault inject container-oom nonsense", "not found"},
	{"fault inject node-kill node-1 --for 1000h", "lasts at most"},
	{"fault inject node-kill node-1 --param nonsense=1", "nonsense"},
	{"fault heal nonsense", "'kubarium fault status' tells what is"},
	{"hold nonsense", "hold one of bindings"},
	{"hold bindings --rate 2", "such as 1/10"},
	{"step nonsense", "held"},
	{"step -n 0", "at least one goes through"},
	{"step -n -1", "at least one goes through"},
	{"release nonsense", "held"},
	{"clock fast --for 1000h", "lasts at most"},
	{"inspect node node-9", "there is no node"},
	{"inspect container nonsense", "not found"},
	{"inspect service nonsense", "not found"},
	{"inspect service kubernetes --node node-9", "there is no node"},
	{"inspect path node/node-9 svc/kubernetes", "there is no node"},
	{"inspect path node/node-1 nonsense", "write svc/NAME[:PORT]"},
	{"inspect path node/node-1 svc/kubernetes:99999", "write a number from 1 to 65535"},
	{"inspect path node/node-1 svc/nonsense", "not found"},
	{"shell -- nonsense", "executable file not found"},
	{"support-bundle /", "exists already"},
	{"support-bundle /nonexistent/bundle.tar.gz", "no such file or directory"},
	{"snapshot save Wrong_Name", "use small letters"},
	{"snapshot save ../a", "use small letters"},
	{"snapshot restore none", "list them with"},
	{"snapshot restore ../a", "use small letters"},
	{"snapshot rm none", "list them with"},
	{"snapshot rm ../../etc", "use small letters"},
	{"snapshot diff none", "list them with"},
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
