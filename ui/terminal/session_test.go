package terminal

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
)

// limit is how long anything here may take on a busy machine.
const limit = 30 * time.Second

// openPane runs a script in a pane of 60 by 8 cells.
func openPane(t *testing.T, script string) *Pane {
	t.Helper()
	goleak.VerifyNone(t)
	p := New(&pane.Context{Theme: theme.New(theme.Dark, true, true)}, func() (*exec.Cmd, error) { return exec.Command("sh", "-c", script), nil })
	p.Resize(60, 8)
	p.Update(p.Open()())
	if p.fault != nil {
		t.Fatal(p.fault)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
	})
	return p
}

// sees waits until the pane shows a text.
func sees(t *testing.T, p *Pane, text string) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		shown := ansi.Strip(p.View(true))
		if strings.Contains(shown, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never %q in\n%s", text, shown)
		}
	}
}

func TestWhatIsTypedArrives(t *testing.T) {
	p := openPane(t, `stty -echo; echo ready; while read -r line; do echo "<$line>"; done`)
	sees(t, p, "ready")
	for _, r := range "grüße" {
		p.Key(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	p.Key(tea.KeyPressMsg{Code: tea.KeyEnter})
	sees(t, p, "<grüße>")
	p.Type("pasted")
	p.Key(tea.KeyPressMsg{Code: tea.KeyEnter})
	sees(t, p, "<pasted>")
}

func TestKeysWithModifiers(t *testing.T) {
	p := openPane(t, `stty raw -echo; echo ready; od -An -c -w8`)
	sees(t, p, "ready")
	p.Key(tea.KeyPressMsg{Code: tea.KeyLeft, Mod: tea.ModCtrl}) // ESC [ 1 ; 5 D
	p.Key(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	p.Key(tea.KeyPressMsg{Code: 'x', Text: "x"})
	sees(t, p, `033   [   1   ;   5   D 003   x`)
}

func TestSizeReachesTheProgram(t *testing.T) {
	p := openPane(t, `trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done`)
	sees(t, p, "6 58")
	p.Resize(70, 12)
	sees(t, p, "10 68")
}

func TestScrollAndCopy(t *testing.T) {
	p := openPane(t, `seq 1 50; printf done; sleep 600`)
	sees(t, p, "done")
	p.Scroll(-10)
	sees(t, p, "10 lines back")
	// Lines 36 to 41 are shown; mark from the second character of the first.
	p.Mouse(tea.MouseClickMsg{Button: tea.MouseLeft}, 2, 1)
	p.Mouse(tea.MouseMotionMsg{Button: tea.MouseLeft}, 2, 3)
	if got, want := p.selected(), "6\n37\n38"; got != want {
		t.Errorf("marked %q, want %q", got, want)
	}
	if p.Mouse(tea.MouseReleaseMsg{Button: tea.MouseLeft}, 2, 3) == nil {
		t.Error("nothing is copied")
	}
	p.Scroll(1000)
	sees(t, p, "done")
	p.Scroll(-1000)
	sees(t, p, "|1 ")
}

func TestAProgramThatDoesNotReadHoldsUpNothing(t *testing.T) {
	p := openPane(t, `stty raw -echo; printf ready; sleep 600`)
	sees(t, p, "ready")
	block := strings.Repeat("x", 1<<16)
	for range 40 {
		p.Type(block)
	}
	sees(t, p, "ready")
	if p.session.Dropped() == 0 {
		t.Error("nothing was dropped: the queue has no bound")
	}
}

func TestShellIntegration(t *testing.T) {
	p := openPane(t, `printf '\033]633;E;echo a\\x3b b\\\\n\007\033]633;D;3\007done'; sleep 600`)
	sees(t, p, "done")
	ran := p.session.TakeRan()
	if len(ran) != 1 || ran[0] != (Ran{Line: `echo a; b\n`, Code: 3}) {
		t.Errorf("ran %+v", ran)
	}
}

// TestTheOutputOfACommand proves that what a command printed is told with it, without colours, prompt and echo.
func TestTheOutputOfACommand(t *testing.T) {
	p := openPane(t, `printf '$ kubectl get nodes\r\n\033]633;C\007NAME   \033[32mSTATUS\033[0m\r\n'; sleep 0.2
printf 'node-1 Ready\r\n\033]633;E;kubectl get nodes\007\033]633;D;0\007$ ls\r\n\033]633;C\007\033]633;E;ls\007\033]633;D;0\007done'; sleep 600`)
	sees(t, p, "done")
	ran := p.session.TakeRan()
	want := []Ran{{Line: "kubectl get nodes", Output: "NAME   STATUS\nnode-1 Ready\n"}, {Line: "ls"}}
	if !slices.Equal(ran, want) {
		t.Errorf("ran %+v, want %+v", ran, want)
	}
}

// TestBashTellsWhatItRan proves that the start file that the app's shells read reports each command with its output.
func TestBashTellsWhatItRan(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("HISTCONTROL", "ignoreboth")
	p := openPane(t, `exec bash --noprofile --rcfile ../../cluster/shell/rc/bashrc -i`)
	// What is typed while a command runs is echoed into its output, as in any terminal: wait for the prompt.
	ready := func() {
		t.Helper()
		for end := time.Now().Add(limit); !p.Ready(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the shell never waits for a command")
			}
		}
	}
	for _, line := range []string{"true", "echo ready-$((1+1))", `printf 'a;b\n'; false`, "echo end-$((1+1))"} {
		ready()
		p.Enter(line)
	}
	ready()
	ran := p.session.TakeRan()
	want := []Ran{{Line: "echo ready-$((1+1))", Output: "ready-2\n"}, {Line: `printf 'a;b\n'; false`, Code: 1, Output: "a;b\n"}, {Line: "echo end-$((1+1))", Output: "end-2\n"}}
	for _, w := range want {
		if !slices.Contains(ran, w) {
			t.Errorf("%+v is not among %+v", w, ran)
		}
	}
	// A line is run for the user, in place of one that is half typed, and twice is twice.
	for range 2 {
		ready()
		p.Type("echo half")
		p.Enter("echo whole-$((1+1))")
		if p.Ready() {
			t.Error("the shell waits while a command runs")
		}
		whole := Ran{Line: "echo whole-$((1+1))", Output: "whole-2\n"}
		for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
			if ran := p.session.TakeRan(); slices.Contains(ran, whole) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%+v is never told of", whole)
			}
		}
	}
}

func TestTheMouseOfAProgram(t *testing.T) {
	p := openPane(t, `stty raw -echo; printf '\033[?1000h\033[?1006hready'; od -An -c -w9`)
	sees(t, p, "ready")
	p.Mouse(tea.MouseClickMsg{Button: tea.MouseLeft}, 5, 3) // ESC [ < 0 ; 5 ; 3 M
	sees(t, p, `033   [   <   0   ;   5   ;   3   M`)
}

func TestACommandThatIsNotThere(t *testing.T) {
	p := New(&pane.Context{Theme: theme.New(theme.Dark, true, true)}, func() (*exec.Cmd, error) { return exec.Command("/nonexistent/shell"), nil })
	p.Resize(60, 8)
	if cmd := p.Update(p.Open()()); cmd != nil {
		t.Error("waits for a shell that is not there")
	}
	if shown := ansi.Strip(p.View(true)); !strings.Contains(shown, "/nonexistent/shell") {
		t.Errorf("shows no reason:\n%s", shown)
	}
}

// TestNobodyWaitsForTheShell has a shell whose start takes its time: what is typed meanwhile arrives, in the
// size that the terminal has by then, and there is one shell only.
func TestNobodyWaitsForTheShell(t *testing.T) {
	goleak.VerifyNone(t)
	start := make(chan struct{})
	p := New(&pane.Context{Theme: theme.New(theme.Dark, true, true)}, func() (*exec.Cmd, error) {
		<-start
		return exec.Command("sh", "-c", `stty -echo; read -r line; echo "<$line>"; stty size; sleep 600`), nil
	})
	p.Resize(60, 8)
	opened := p.Open()
	if again := p.Open(); again != nil || !p.Running() {
		t.Error("a second shell starts")
	}
	if shown := ansi.Strip(p.View(true)); !strings.Contains(shown, "the shell starts") {
		t.Errorf("nothing is said:\n%s", shown)
	}
	p.Key(tea.KeyPressMsg{Code: 'a', Text: "a"})
	p.Type("b")
	p.Key(tea.KeyPressMsg{Code: tea.KeyEnter})
	p.Resize(70, 9)
	close(start)
	p.Update(opened())
	sees(t, p, "<ab>")
	sees(t, p, "7 68")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t)
}

// TestAShellThatComesTooLate has the app leave while the shell starts, or before anybody was told that it has
// started: it ends either way.
func TestAShellThatComesTooLate(t *testing.T) {
	for _, left := range []string{"before", "after"} {
		t.Run(left, func(t *testing.T) {
			goleak.VerifyNone(t)
			life, leave := context.WithCancel(t.Context())
			p := New(&pane.Context{Theme: theme.New(theme.Dark, true, true), Life: life}, func() (*exec.Cmd, error) { return exec.Command("sleep", "600"), nil })
			p.Resize(60, 8)
			opened := p.Open()
			if left == "before" {
				leave()
			}
			opened() // and nobody takes what it brings
			leave()
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			goleak.VerifyNone(t)
		})
	}
}

// TestKeysAfterTheEnd types when the process has ended and nobody was told yet: there is a moment in which
// nobody reads the emulator's answers but the pane.
func TestKeysAfterTheEnd(t *testing.T) {
	p := openPane(t, `printf ready; sleep 600`)
	sees(t, p, "ready")
	p.session.keys.Close()
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		for range 5 {
			p.Key(tea.KeyPressMsg{Code: 'x', Text: "x"})
		}
	}()
	select {
	case <-typed:
	case <-time.After(limit):
		panic("a key waits for ever") // the pane could not be closed, either
	}
}

func TestAShellThatEndsAtOnceIsRead(t *testing.T) {
	p := openPane(t, `echo "Error: no cluster"; exit 1`)
	sees(t, p, "the shell has ended")
	sees(t, p, "Error: no cluster")
}

func FuzzUnescape(f *testing.F) {
	f.Add(`a\\b\x3bc\x`)
	f.Fuzz(func(t *testing.T, line string) {
		// What the start files do to a line, undone.
		escaped := strings.NewReplacer(`\`, `\\`, ";", `\x3b`, "\n", `\x0a`).Replace(line)
		if got := unescape(escaped); got != line {
			t.Errorf("%q became %q", line, got)
		}
	})
}

// FuzzIntegration has programs say anything where shells tell what was typed: a file with such
// bytes that is shown does, too.
func FuzzIntegration(f *testing.F) {
	f.Add("633;E;kubectl get pods", "633;D;0")
	f.Add("633;E;", "633;D;99999999999999999999")
	f.Add(";;", "633;D")
	f.Fuzz(func(t *testing.T, typed, ended string) {
		s := &Session{}
		for range maxRan + 1 {
			s.integration(typed)
			s.integration(ended)
		}
		if len(s.ran) > maxRan {
			t.Errorf("%d commands are kept", len(s.ran))
		}
	})
}
