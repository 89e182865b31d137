package command

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                           nil,
		"  get   pods ":              {"get", "pods"},
		`run a --image="b c" ''`:     {"run", "a", "--image=b c", ""},
		`get -o jsonpath='{.a "b"}'`: {"get", "-o", `jsonpath={.a "b"}`},
		`a\ b "c\"d"`:                {"a b", `c"d`},
		`label pod web a='$x|y'`:     {"label", "pod", "web", "a=$x|y"},
	} {
		got, err := Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Split(%q) is %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{"get pods | grep a", "a > b", "echo $HOME", "a && b", `"open`, `end\`} {
		if got, err := Split(line); err == nil {
			t.Errorf("Split(%q) is %q, not an error", line, got)
		}
	}
}

func TestArgsLeaveOutTheName(t *testing.T) {
	for _, line := range []string{"get pods", "kubectl get pods", "kubarium kubectl get pods", "k get pods"} {
		if got, err := Args(line); err != nil || !slices.Equal(got, []string{"get", "pods"}) {
			t.Errorf("Args(%q) is %q, %v", line, got, err)
		}
	}
}

func TestInteractive(t *testing.T) {
	for line, want := range map[string]bool{
		"exec -it web -- sh": true, "exec web -it -- sh": true, "exec -i -t web -- sh": true, "edit deploy web": true,
		"-n shop edit svc cart": true, "attach -it web": true, "run a --image=b -it --rm": true, "debug web -it --image=c": true,
		"exec web -- ls -it": false, "get pods -A": false, "run a --image=b": false, "logs -f web": false,
		"create -f a.yaml --edit": true, "run --stdin --tty a --image=b": true, "delete pod web -n it": false,
	} {
		args, err := Args(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := Interactive(args); got != want {
			t.Errorf("Interactive(%q) is %v", line, got)
		}
	}
}

func newLine(script string) *Line {
	ctx := &pane.Context{Theme: theme.New(theme.Dark, true, true), Snapshot: &watch.Snapshot{}}
	l := New(ctx, func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", append([]string{"-c", script, "kubectl"}, args...)...)
	})
	l.SetSize(80, 20)
	return l
}

// finish runs a command to its end and gives its last message.
func finish(t *testing.T, l *Line, cmd tea.Cmd) DoneMsg {
	t.Helper()
	for cmd != nil {
		msg := cmd()
		cmd = l.Update(msg)
		if done, ok := msg.(DoneMsg); ok {
			return done
		}
	}
	t.Fatal("the command did not end")
	return DoneMsg{}
}

func enter(l *Line, text string) tea.Cmd {
	l.Focus(text)
	return l.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
}

func TestCommandPrintsAndEnds(t *testing.T) {
	l := newLine(`echo "args: $*"; printf '\033[31mred\033[0m\tx\n'; echo oops >&2; printf unfinished; exit 3`)
	done := finish(t, l, enter(l, "kubectl  get  pods"))
	if done.Line != "kubectl get pods" || done.Code != 3 {
		t.Errorf("%+v", done)
	}
	for _, want := range []string{"args: get pods", "red     x", "oops", "unfinished"} {
		if !strings.Contains(done.Output, want) || !strings.Contains(l.pager.Text(), want) {
			t.Errorf("%q is missing in %q", want, done.Output)
		}
	}
	if !strings.Contains(l.pager.Text(), "exit code 3") || l.Running() {
		t.Error("the end is not told")
	}
}

func TestInterruptEndsACommand(t *testing.T) {
	l := newLine(`echo begun; exec sleep 600`)
	cmd := enter(l, "get pods -w")
	msg := cmd()
	if _, ok := msg.(OutputMsg); !ok {
		t.Fatalf("got %T", msg)
	}
	cmd = l.Update(msg)
	begin := time.Now()
	if !l.Interrupt() {
		t.Fatal("there was something to interrupt")
	}
	done := finish(t, l, cmd)
	if done.Code == 0 || time.Since(begin) > time.Minute {
		t.Errorf("%+v", done)
	}
	if !strings.Contains(l.pager.Text(), "stopped") {
		t.Errorf("the end is not told: %s", l.pager.Text())
	}
}

func TestLongOutputIsBounded(t *testing.T) {
	l := newLine(`i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done`)
	done := finish(t, l, enter(l, "logs x"))
	if len(done.Output) > keepOutput+1000 {
		t.Errorf("%d bytes are repeated", len(done.Output))
	}
	if n := l.pager.Len(); n > keepLines+10 {
		t.Errorf("%d lines are kept", n)
	}
	if !strings.Contains(l.pager.Text(), "line 19999") {
		t.Error("the end is missing")
	}
}

func TestHistory(t *testing.T) {
	l := newLine("true")
	for _, text := range []string{"get pods", "get nodes", "get nodes"} {
		finish(t, l, enter(l, text))
	}
	l.Focus("half a li")
	up, down := tea.KeyPressMsg{Code: tea.KeyUp}, tea.KeyPressMsg{Code: tea.KeyDown}
	var got []string
	for _, k := range []tea.KeyPressMsg{up, up, up, down, down} {
		l.Update(k)
		got = append(got, l.input.Value())
	}
	want := []string{"get nodes", "get pods", "get pods", "get nodes", "half a li"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestColonInTheOpenLine is the key that opens the line, pressed in it.
func TestColonInTheOpenLine(t *testing.T) {
	l := newLine("true")
	l.Focus("")
	for _, k := range []string{":", "a", ":"} {
		l.Update(tea.KeyPressMsg{Code: rune(k[0]), Text: k})
	}
	if got := l.input.Value(); got != "a:" {
		t.Errorf("%q", got)
	}
}

func TestProgramThatIsNotThere(t *testing.T) {
	l := newLine("")
	l.kubectl = func(ctx context.Context, _ ...string) *exec.Cmd { return exec.CommandContext(ctx, "/nowhere/kubectl") }
	done := finish(t, l, enter(l, "get pods"))
	if done.Code != -1 || done.Err == nil {
		t.Errorf("%+v", done)
	}
}

func TestCompletion(t *testing.T) {
	l := newLine(`case "$*" in
"__complete get po") printf 'pods\tthings that run\npodtemplates\n:4\n';;
"__complete get pods web-") printf 'web-1\nweb-2\n:4\n';;
"__complete logs c") printf 'coredns-x\n:4\n';;
"__complete get --names") printf -- '--namespace=\n:2\n';;
esac`)
	for _, c := range []struct{ typed, want, seen string }{
		{"get po", "get pod", ""},
		{"get pods web-", "get pods web-", "web-1  web-2"},
		{"kubectl logs c", "kubectl logs coredns-x ", ""},
		{"get --names", "get --namespace=", ""},
		{"get nothing", "get nothing", ""},
		{`get "open`, `get "open`, ""},
	} {
		l.input.Reset()
		l.Focus(c.typed)
		if cmd := l.Update(tea.KeyPressMsg{Code: tea.KeyTab}); cmd != nil {
			l.Update(cmd())
		}
		if got := l.input.Value(); got != c.want {
			t.Errorf("%q became %q, not %q", c.typed, got, c.want)
		}
		if !strings.Contains(l.pager.Text(), c.seen) {
			t.Errorf("%q shows %q", c.typed, l.pager.Text())
		}
	}
}

func TestOwnCommandsKeepTheirName(t *testing.T) {
	args, err := Args("kubarium etcd ls /registry")
	if err != nil || !Own(args) || strings.Join(args, " ") != "etcd ls /registry" {
		t.Errorf("%q, %v", args, err)
	}
	for _, line := range []string{"fault list", "kubarium hold bindings", "step", "release --all"} {
		if args, _ := Args(line); !Own(args) {
			t.Errorf("%q is taken for one of kubectl's", line)
		}
	}
	for _, line := range []string{"get nodes", "kubarium kubectl get nodes", ""} {
		if args, _ := Args(line); Own(args) {
			t.Errorf("%q is taken for one of Kubarium's own", line)
		}
	}
}
