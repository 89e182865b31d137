package play

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"kubarium/lessons"
)

const (
	// fieldManager owns the fields that lessons apply.
	fieldManager = "kubarium-lesson"
	// patience bounds actions that do not say how long they take.
	patience = time.Minute
	// running is the exit code of a shown command that has not ended.
	running = -2
)

// background runs work beside the loop; only one at a time. While it is
// frozen, checks rest: what they would see is the work's doing.
func (p *Player) background(label string, frozen bool, work func(context.Context) error) {
	p.busy, p.frozen, p.notice = label, frozen, ""
	ctx := p.ctx
	go func() {
		err := work(ctx)
		p.do(func() {
			p.busy, p.frozen = "", false
			if err != nil && ctx.Err() == nil {
				p.notice = fmt.Sprintf("%s did not work: %v", label, err)
			}
		})
	}()
}

// wait returns when cond, evaluated on the loop after each change, is true.
func (p *Player) wait(ctx context.Context, cond func() bool) error {
	w := &waiter{cond: cond, met: make(chan struct{})}
	p.do(func() { p.waiters = append(p.waiters, w) })
	select {
	case <-w.met:
		return nil
	case <-ctx.Done():
		p.do(func() {
			for i := range p.waiters {
				if p.waiters[i] == w {
					p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
					return
				}
			}
		})
		return ctx.Err()
	}
}

// stage is where actions happen: those of the lesson that is played, or of the one with
// whose end it begins.
type stage struct {
	*Player
	lesson *lessons.Lesson
	eval   *lessons.Eval
}

func (p *Player) stage() stage { return stage{p, p.lesson, p.eval} }

// act does the actions in order, each seen in the store before the next.
func (p *Player) act(ctx context.Context, actions []lessons.Action) error {
	return p.stage().act(ctx, actions)
}

func (p stage) act(ctx context.Context, actions []lessons.Action) error {
	for _, a := range actions {
		if err := p.one(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (p stage) one(ctx context.Context, a lessons.Action) error {
	limit := a.Within
	if limit == 0 {
		limit = patience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch {
	case a.Apply != "":
		return p.apply(ctx, a.Apply)
	case a.Delete != nil:
		return p.delete(ctx, a.Delete)
	case a.Node != nil:
		return p.fault(ctx, "node", a.Node.Name, a.Node.Do)
	case a.Component != nil:
		return p.fault(ctx, "component", a.Component.Name, a.Component.Do)
	case a.Kubectl != "":
		return p.line(ctx, "kubectl "+a.Kubectl, a.Try)
	case a.Kubarium != "":
		return p.line(ctx, "kubarium "+a.Kubarium, a.Try)
	}
	err := p.wait(ctx, func() bool {
		ok, err := p.eval.Bool(a.Wait)
		return ok && err == nil
	})
	if err != nil {
		return fmt.Errorf("waited %s for %s", words(limit), a.Wait.Source)
	}
	return nil
}

// line runs the command line of an action.
func (p *Player) line(ctx context.Context, line string, try bool) error {
	exit, output, err := p.kubectl(ctx, line)
	if err == nil && exit != 0 && !try {
		err = fmt.Errorf("%s: %s", line, strings.TrimSpace(output))
	}
	return err
}

// solve types the solution of a step and waits until the step is done. Show
// me leaves the questions to the learner; skip answers them as well.
func (p *Player) solve(ctx context.Context, step *lessons.Step, skip bool) error {
	p.do(func() { p.state.shown = nil })
	for _, line := range step.Solution() {
		if err := p.show(ctx, line); err != nil && !step.Fails {
			return err
		}
	}
	limit := cmp.Or(p.env.hurry, patience)
	for _, c := range step.Checks {
		limit += c.For + c.Within
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if skip {
		p.do(func() { p.giveAnswers(step) })
	}
	if err := p.wait(ctx, func() bool { return p.state.done || (!skip && p.checksMet()) }); err != nil {
		return fmt.Errorf("the commands ran, but the checks are still not met%s", p.unmet(step))
	}
	return nil
}

// show runs one line of a solution where the learner sees it.
func (p *Player) show(ctx context.Context, line string) error {
	p.do(func() {
		p.state.shown = append(p.state.shown, lessons.Command{Line: line, Exit: running, At: p.env.Clock.Now()})
	})
	run := p.kubectl
	if _, isFault := lessons.FaultOf(line); p.env.Type != nil && !isFault {
		run = p.env.Type
	}
	exit, output, err := run(ctx, line)
	if err != nil {
		exit, output = -1, err.Error()
	}
	p.do(func() {
		if n := len(p.state.shown); n > 0 {
			p.state.shown[n-1].Exit, p.state.shown[n-1].Output = exit, output
		}
		p.command(line, exit, output)
	})
	if exit != 0 {
		return fmt.Errorf("%s: %s", line, strings.TrimSpace(output))
	}
	return nil
}

// unmet says what the checks that are not met see.
func (p *Player) unmet(step *lessons.Step) string {
	said := make(chan string, 1)
	p.do(func() {
		text := ""
		for i := range p.state.checks {
			if s := &p.state.checks[i]; !s.met && i < len(step.Checks) {
				say, _ := p.sentence(&step.Checks[i], s)
				text += fmt.Sprintf("; %s: %s", step.Checks[i].Name, say)
			}
		}
		said <- text
	})
	select {
	case text := <-said:
		return text
	case <-p.done:
		return ""
	}
}

func (p *Player) checksMet() bool {
	for i := range p.state.checks {
		if !p.state.checks[i].met {
			return false
		}
	}
	return true
}

// giveAnswers fills in the right answers of a step that is skipped.
func (p *Player) giveAnswers(step *lessons.Step) {
	for i := range step.Quiz {
		if p.answered(step, i) {
			continue
		}
		if p.state.record.Answers == nil {
			p.state.record.Answers = map[int][]int{}
		}
		p.state.record.Answers[i] = append(p.state.record.Answers[i], step.Quiz[i].Right())
	}
}

// kubectl runs a command line by itself.
func (p *Player) kubectl(ctx context.Context, line string) (exit int, output string, err error) {
	if p.env.run != nil {
		return p.env.run(ctx, line)
	}
	if f, ok := lessons.FaultOf(line); ok {
		if err := p.fault(ctx, f.Kind, f.Name, f.Do); err != nil {
			return 1, err.Error(), nil
		}
		return 0, f.Kind + "/" + f.Name + " " + f.Do + "\n", nil
	}
	args, ok := lessons.KubectlArgs(line)
	if !ok {
		args, ok = lessons.ToolOf(line)
	}
	if !ok {
		return -1, "", fmt.Errorf("%q is not a kubectl command", line)
	}
	if p.env.Kubectl == nil {
		return -1, "", errors.New("there is no kubectl here")
	}
	cmd := p.env.Kubectl(ctx, args...)
	if cmd.Dir == "" {
		cmd.Dir = p.env.WorkDir
	}
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return failed.ExitCode(), string(out), nil
	}
	if err != nil {
		return -1, string(out), fmt.Errorf("run kubectl: %w", err)
	}
	return 0, string(out), nil
}

// placeFiles puts the lesson's manifests where the learner works. What the
// learner changed stays, unless overwrite is set.
func (p *Player) placeFiles(overwrite bool) error { return p.stage().placeFiles(overwrite) }

func (p stage) placeFiles(overwrite bool) error {
	if p.env.WorkDir == "" || len(p.lesson.Files) == 0 {
		return nil
	}
	if err := makeDir(p.env.WorkDir); err != nil {
		return fmt.Errorf("folder for the lesson's files: %w", err)
	}
	for name, content := range p.lesson.Files {
		path := filepath.Join(p.env.WorkDir, name)
		if _, err := os.Stat(path); err == nil && !overwrite {
			continue
		}
		if err := writeFile(path, content); err != nil {
			return fmt.Errorf("file %s of the lesson: %w", name, err)
		}
	}
	return nil
}

// Type runs a line that the app's command line does not understand, as if the
// learner had run it there: kubarium node and kubarium component.
func (p *Player) Type(line string) {
	p.do(func() {
		if p.busy != "" {
			return
		}
		p.background(line, false, func(ctx context.Context) error {
			exit, output, err := p.kubectl(ctx, line)
			if err == nil && exit != 0 {
				err = errors.New(output)
			}
			p.do(func() { p.command(line, exit, output) })
			return err
		})
	})
}
