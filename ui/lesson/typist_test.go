package lesson

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"kubarium/lessons"
	"kubarium/lessons/course"
	"kubarium/ui/command"
	"kubarium/ui/panel"
)

// TestSolutionsAreTyped proves that the app is asked to run each line of a solution, and that the player
// gets what came of it, once.
func TestSolutionsAreTyped(t *testing.T) {
	p := newPanel(t)
	type result struct {
		exit   int
		output string
		err    error
	}
	results := make(chan result, 1)
	const line = "kubectl get pods  -o wide"
	go func() {
		exit, output, err := p.typist.run(t.Context(), line)
		results <- result{exit, output, err}
	}()
	ended := make(chan struct{})
	msg := p.typist.next(ended)()
	asked := false
	// The panel listens on, and asks the app.
	close(ended)
	for _, msg := range batched(p.Update(msg)) {
		if run, ok := msg.(panel.RunMsg); ok {
			asked = run == panel.RunMsg{Command: line, Now: true}
		}
	}
	if !asked {
		t.Fatal("the app is not asked to run the line")
	}
	if p.typed(panel.CommandRanMsg{Line: "kubectl get nodes"}) {
		t.Error("what the learner typed is taken for the solution")
	}
	ran := panel.CommandRanMsg{Line: "kubectl get pods -o wide", ExitCode: 3, Output: "no"}
	if !p.typed(ran) || p.typed(ran) {
		t.Error("the line is not taken once")
	}
	if got := <-results; got.exit != 3 || got.output != "no" || got.err != nil {
		t.Errorf("the player gets %+v", got)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.typist.run(gone, line); err == nil {
		t.Error("a player that has ended waits for its line")
	}
}

// TestSolutionsCanBeTyped proves that each line of the course means the same to the app's command line, to the
// player and to a shell: bash is asked.
func TestSolutionsCanBeTyped(t *testing.T) {
	all, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range all.Lessons() {
		for _, choice := range l.Variants() {
			variant, err := l.With(choice)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range variant.Steps {
				lines = append(lines, step.Solution()...)
			}
		}
	}
	script := &strings.Builder{}
	for _, line := range lines {
		script.WriteString(`printf '%s\0' ` + line + "; printf '\\1'\n")
	}
	cmd := exec.Command("bash")
	cmd.Stdin, cmd.Dir = strings.NewReader(script.String()), t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v: %s", err, out)
	}
	shell := strings.Split(string(out), "\x01")
	if len(shell) != len(lines)+1 {
		t.Fatalf("bash reads %d lines of %d", len(shell)-1, len(lines))
	}
	for i, line := range lines {
		words, err := lessons.Words(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := strings.Split(strings.TrimSuffix(shell[i], "\x00"), "\x00"); !slices.Equal(got, words) {
			t.Errorf("%s: a shell reads %q, the player %q", line, got, words)
		}
		if args, err := command.Args(line); err != nil || !slices.Equal(args, words[1:]) {
			t.Errorf("%s: the command line reads %q, the player %q: %v", line, args, words[1:], err)
		}
	}
}

// batched runs a batch of commands, and returns their messages.
func batched(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	msg := cmd()
	batch, ok := msg.(tea.BatchMsg)
	if !ok {
		return []tea.Msg{msg}
	}
	var all []tea.Msg
	for _, c := range batch {
		all = append(all, batched(c)...)
	}
	return all
}
