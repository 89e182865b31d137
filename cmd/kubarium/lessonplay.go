package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kubarium/cluster"
	"kubarium/lessons"
	"kubarium/lessons/play"
)

func newLessonPlayCommand(g *global, wanted *courseFlags) *cobra.Command {
	var seed uint64
	cmd := &cobra.Command{
		Use: "play ID", Short: "Play a lesson in plain text, without the app, on the running cluster", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := wanted.load(cmd.Context())
			if err != nil {
				return err
			}
			list, err := chosen(all, args, false)
			if err != nil {
				return err
			}
			lesson := list[0]
			if cmd.Flags().Changed("seed") && lesson.Varies() {
				if lesson, err = lesson.With(lesson.Draw(play.Seeded(seed), nil)); err != nil {
					return err
				}
			}
			env, done, err := lessonEnvs(g)()
			if err != nil {
				return err
			}
			defer done()
			invoker, err := cluster.FindInvoker()
			if err != nil {
				return err
			}
			if env.Progress, err = play.OpenProgress(wanted.progress(filepath.Join(invoker.StateDir(), "lessons.json"))); err != nil {
				return err
			}
			env.Progress.WriteAs(invoker.As)
			if env.WorkDir, err = os.MkdirTemp("", "kubarium-lesson-"); err != nil {
				return err
			}
			defer os.RemoveAll(env.WorkDir)
			return playText(cmd.Context(), lesson, env, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 0, "number that chooses the names and faults of a new attempt, the same for all who give it; default is chance")
	return cmd
}

// textPlayer plays a lesson line by line.
type textPlayer struct {
	env    play.Env
	lesson *lessons.Lesson
	player *play.Player
	out    io.Writer
	last   play.Snapshot
	told   string // the page that was printed last
	checks map[string]bool
}

func playText(ctx context.Context, lesson *lessons.Lesson, env play.Env, in io.Reader, out io.Writer) error {
	player, err := play.New(lesson, env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- player.Run(ctx) }()
	t := &textPlayer{env: env, lesson: lesson, player: player, out: out, checks: map[string]bool{}}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			select {
			case lines <- strings.TrimSpace(scanner.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	fmt.Fprintf(out, "Type kubectl commands as they are shown, or: next, hint, show, skip, reset, quit, 1 a (answers question 1 with a). An empty line tells what is missing.\n\n")
	for !t.last.Finished || t.last.Busy != "" {
		select {
		case snapshot, ok := <-player.Updates():
			if !ok {
				return <-ended
			}
			t.tell(snapshot)
		case line, ok := <-lines:
			if !ok || line == "quit" {
				cancel()
				return <-ended
			}
			t.do(ctx, line)
		}
	}
	cancel()
	return <-ended
}

// tell prints what is new in a snapshot.
func (t *textPlayer) tell(s play.Snapshot) {
	before := t.last
	t.last, t.lesson = s, s.Lesson // which has other values when it is played again
	if s.Busy != before.Busy && s.Busy != "" {
		fmt.Fprintf(t.out, "(%s ...)\n", s.Busy)
	}
	if s.Notice != before.Notice && s.Notice != "" {
		fmt.Fprintln(t.out, s.Notice)
	}
	if page := fmt.Sprint(s.Step); s.Ready && s.Busy == "" && page != t.told {
		t.told = page
		t.page(s)
	}
	if s.Remark != before.Remark && s.Remark != "" {
		fmt.Fprintln(t.out, s.Remark)
	}
	for _, c := range s.Checks {
		if c.Mode != lessons.Invariant && c.Met != t.checks[c.Name] {
			t.checks[c.Name] = c.Met
			fmt.Fprintf(t.out, "[%s] %s\n", map[bool]string{true: "done", false: "lost"}[c.Met], c.Name)
		}
	}
	if len(s.Hints) > len(before.Hints) {
		fmt.Fprintf(t.out, "Hint: %s\n", s.Hints[len(s.Hints)-1])
	}
	if s.StepDone && !before.StepDone && s.Step >= 0 && s.Step < len(t.lesson.Steps) {
		fmt.Fprintf(t.out, "\n%s\n\nThis step is done; go on with: next\n", t.lesson.Steps[s.Step].After)
	}
}

func (t *textPlayer) page(s play.Snapshot) {
	t.checks = map[string]bool{}
	switch {
	case s.Step < 0:
		fmt.Fprintf(t.out, "# %s\n\n%s\n\nBegin with: next\n", t.lesson.Title, t.lesson.Intro)
	case s.Step < len(t.lesson.Steps):
		step := t.lesson.Steps[s.Step]
		worth := ""
		if t.lesson.Kind == lessons.Exam {
			worth = fmt.Sprintf(" (%d points; time until %s)", step.Points, s.Ends.Format("15:04"))
		}
		fmt.Fprintf(t.out, "\n## %d of %d: %s%s\n\n%s\n\n", s.Step+1, len(t.lesson.Steps), step.Title, worth, step.Text)
		for i, q := range step.Quiz {
			fmt.Fprintf(t.out, "%d. %s\n", i+1, q.Ask)
			for j, o := range q.Options {
				fmt.Fprintf(t.out, "   %c) %s\n", 'a'+j, o.Text)
			}
		}
	case t.lesson.Kind == lessons.Exam:
		t.marks(s)
	default:
		fmt.Fprintf(t.out, "\nThat was %q. %d of %d questions were right at the first try. It took you %.0f minutes.\n", t.lesson.Title, s.Right, s.Asked, max(1, s.Spent.Minutes()))
	}
}

// marks tells what an exam has brought.
func (t *textPlayer) marks(s play.Snapshot) {
	verdict := "That is not enough yet."
	if s.Points >= t.lesson.Pass {
		verdict = "Passed."
	}
	fmt.Fprintf(t.out, "\n%s: %d of %d points; %d are needed. %s It took you %.0f minutes.\n", t.lesson.Title, s.Points, t.lesson.Points(), t.lesson.Pass, verdict, max(1, s.Spent.Minutes()))
	for _, d := range s.Domains {
		fmt.Fprintf(t.out, "  %s: %d of %d\n", d.Domain, d.Points, d.Possible)
	}
	for i := range t.lesson.Steps {
		if s.Steps[i] != play.Done {
			fmt.Fprintf(t.out, "\n%s\n%s\n", t.lesson.Steps[i].Title, t.lesson.Steps[i].After)
		}
	}
}

// do does what a line says.
func (t *textPlayer) do(ctx context.Context, line string) {
	words := strings.Fields(line)
	switch {
	case line == "":
		for _, c := range t.last.Checks {
			if !c.Met {
				fmt.Fprintf(t.out, "[to do] %s. %s\n", c.Name, c.Say)
			}
		}
	case line == "next":
		if !t.last.StepDone && t.lesson.Kind != lessons.Exam {
			fmt.Fprintln(t.out, "This step is not done yet. An empty line tells what is missing.")
		}
		t.player.Next()
	case line == "previous":
		t.player.Previous()
	case t.lesson.Kind == lessons.Exam && slices.Contains([]string{"hint", "show", "skip", "reset"}, line):
		fmt.Fprintln(t.out, "In an exam nobody helps. next and previous go from task to task.")
	case line == "hint":
		t.player.Hint()
	case line == "show":
		t.player.ShowMe()
	case line == "skip":
		t.player.Skip()
	case line == "reset":
		t.player.Reset()
	case len(words) == 2 && len(words[1]) == 1 && t.answer(words):
	default:
		t.run(ctx, line)
	}
}

func (t *textPlayer) answer(words []string) bool {
	question, err := strconv.Atoi(words[0])
	option := int(words[1][0] - 'a')
	if err != nil || question < 1 || question > len(t.last.Questions) {
		return false
	}
	options := t.last.Questions[question-1].Question.Options
	if option < 0 || option >= len(options) {
		return false
	}
	fmt.Fprintln(t.out, options[option].Why)
	t.player.Answer(question-1, option)
	return true
}

// run runs a command as the learner typed it.
func (t *textPlayer) run(ctx context.Context, line string) {
	if _, ok := lessons.FaultOf(line); ok {
		t.player.Type(line)
		return
	}
	args, ok := lessons.KubectlArgs(line)
	if !ok {
		args, ok = lessons.ToolOf(line)
	}
	if !ok {
		fmt.Fprintln(t.out, "Only kubectl commands and the words above are understood here.")
		return
	}
	cmd := t.env.Kubectl(ctx, args...)
	cmd.Dir, _ = filepath.Abs(t.env.WorkDir)
	output, err := cmd.CombinedOutput()
	fmt.Fprint(t.out, string(output))
	exit := 0
	if err != nil {
		exit = max(1, cmd.ProcessState.ExitCode())
	}
	t.player.Command(line, exit, string(output))
}
