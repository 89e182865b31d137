package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/klog/v2"

	"kubarium/cluster/component"
	"kubarium/lessons"
	"kubarium/lessons/play"
	"kubarium/ui/command"
)

func newLessonCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "lesson", Short: "List, play, check, test and begin lessons", Args: cobra.NoArgs, RunE: showHelp}
	wanted := &courseFlags{}
	wanted.bind(cmd.PersistentFlags())
	cmd.AddCommand(newLessonListCommand(wanted), newLessonLintCommand(wanted), newLessonTestCommand(g, wanted), newLessonPlayCommand(g, wanted),
		newLessonNewCommand(), newLessonImportCommand())
	return cmd
}

// listed is a lesson as list tells it.
type listed struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Chapter string   `json:"chapter"`
	Summary string   `json:"summary"`
	Kind    string   `json:"kind"`
	Minutes int      `json:"minutes"`
	Steps   int      `json:"steps"`
	Teaches []string `json:"teaches"`
	Needs   []string `json:"needs"`
}

func newLessonListCommand(wanted *courseFlags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the lessons; play one with: kubarium --lesson ID", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("output format %q: use text or json", output)
			}
			all, err := wanted.load(cmd.Context())
			if err != nil {
				return err
			}
			var list []listed
			for _, chapter := range all.Chapters {
				for _, l := range chapter.Lessons {
					list = append(list, listed{l.ID, l.Title, chapter.Title, l.Summary, string(l.Kind), l.Minutes, len(l.Steps), l.Teaches, l.Needs})
				}
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "ID\tTITLE\tCHAPTER\tMINUTES\tSTEPS")
			for _, l := range list {
				fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\n", l.ID, l.Title, l.Chapter, l.Minutes, l.Steps)
			}
			return table.Flush()
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: text or json")
	return cmd
}

func newLessonLintCommand(wanted *courseFlags) *cobra.Command {
	return &cobra.Command{
		Use: "lint [DIR]", Short: "Check the lessons of a directory or oci://REF, or those that are built in", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				wanted.where = args[0]
			}
			files, err := wanted.files(cmd.Context())
			if err != nil {
				return fmt.Errorf("look for lessons: %w", err)
			}
			problems := lessons.Lint(files)
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p.Error())
			}
			if len(problems) > 0 {
				return fmt.Errorf("%d problems", len(problems))
			}
			return nil
		},
	}
}

func newLessonNewCommand() *cobra.Command {
	return &cobra.Command{
		Use: "new ID [DIR]", Short: "Begin a lesson: write DIR/ID/lesson.md, to be filled in", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 2 {
				dir = args[1]
			}
			text, err := lessons.Draft(args[0])
			if err != nil {
				return err
			}
			folder := filepath.Join(dir, args[0])
			if err := os.Mkdir(folder, 0o755); err != nil {
				return fmt.Errorf("folder of the new lesson: %w", err)
			}
			path := filepath.Join(folder, "lesson.md")
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return fmt.Errorf("new lesson: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s. Add %s to course.yaml, then check it with: kubarium lesson lint %s\n", path, args[0], dir)
			return nil
		},
	}
}

// testFlags say which lessons are tested, and how.
type testFlags struct {
	all    bool
	only   string
	part   string
	output string
	how    play.How
}

func newLessonTestCommand(g *global, wanted *courseFlags) *cobra.Command {
	var flags testFlags
	cmd := &cobra.Command{
		Use: "test ID... | --all", Short: "Play lessons from their own data on the running cluster, and prove their checks",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := wanted.load(cmd.Context())
			if err != nil {
				return err
			}
			list, err := chosen(all, args, flags.all)
			if err == nil && flags.only != "" {
				list, err = onlyThose(list, flags.only)
			}
			if err == nil && flags.part != "" {
				list, err = partOf(list, flags.part)
			}
			if err != nil {
				return err
			}
			progress := cmd.OutOrStdout()
			if flags.output == "json" {
				progress = io.Discard
			}
			if err := awaitWhole(cmd.Context(), g); err != nil {
				return err
			}
			results, err := play.Test(cmd.Context(), list, lessonEnvs(g), flags.how, progress)
			if err != nil {
				return err
			}
			return tellResults(cmd, results, flags.output)
		},
	}
	cmd.Flags().BoolVar(&flags.all, "all", false, "test every lesson")
	cmd.Flags().StringVar(&flags.only, "only", "", "test only some of these lessons: 'alone', those that change what all others depend on, or 'together', the others")
	cmd.Flags().StringVar(&flags.part, "part", "", "test only one of several equal parts of these lessons, as 2/3: every third, from the second on")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "text", "format of the results: text or json")
	cmd.Flags().IntVar(&flags.how.Parallel, "parallel", 4, "how many lessons to play side by side")
	cmd.Flags().BoolVar(&flags.how.Mutate, "mutate", false, "leave out each step's solution first, and want that noticed")
	cmd.Flags().Uint64Var(&flags.how.Seed, "seed", 0, "number that chooses the names and faults of lessons that vary; 0: the first of each")
	cmd.Flags().BoolVar(&flags.how.Values, "values", false, "play lessons that vary until each of their values was met")
	cmd.MarkFlagsMutuallyExclusive("seed", "values")
	cmd.Flags().BoolVar(&flags.how.Thorough, "thorough", false, "reset every step")
	return cmd
}

// wholeLimit is long enough for add-ons to come up on a slow machine.
const wholeLimit = 3 * time.Minute

// awaitWhole waits until every component is ready: what an add-on still makes would be
// taken for what a lesson leaves behind.
func awaitWhole(ctx context.Context, g *global) error {
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	info, err := g.client().Info(ctx)
	if err != nil {
		return g.explain(err)
	}
	waiting := map[string]bool{}
	for _, c := range info.Components {
		waiting[c.Name] = true
	}
	err = g.client().Watch(ctx, func(c component.Info) {
		if c.State == component.Ready || c.State == "" {
			delete(waiting, c.Name)
		}
		if len(waiting) == 0 {
			cancel()
		}
	})
	if ctx.Err() == nil {
		return g.explain(err)
	}
	if len(waiting) > 0 {
		names := slices.Sorted(maps.Keys(waiting))
		return fmt.Errorf("not ready: %s; start what is stopped with 'kubarium component start'", strings.Join(names, ", "))
	}
	return nil
}

func chosen(all *lessons.Course, ids []string, every bool) ([]*lessons.Lesson, error) {
	if every == (len(ids) > 0) {
		return nil, errors.New("say which lessons to test, or --all: see 'kubarium lesson list'")
	}
	if every {
		return all.Lessons(), nil
	}
	var list []*lessons.Lesson
	for _, id := range ids {
		l := all.Find(id)
		if l == nil {
			return nil, fmt.Errorf("there is no lesson %q: see 'kubarium lesson list'", id)
		}
		list = append(list, l)
	}
	return list, nil
}

// onlyThose are the lessons of a list that have the cluster for themselves, or those that share it.
func onlyThose(list []*lessons.Lesson, which string) ([]*lessons.Lesson, error) {
	if which != "alone" && which != "together" {
		return nil, fmt.Errorf("only %q: write alone or together", which)
	}
	return slices.DeleteFunc(slices.Clone(list), func(l *lessons.Lesson) bool { return l.Alone != (which == "alone") }), nil
}

// partOf is one of several equal parts of a list. A count beyond the last one begins anew,
// so that a number that always grows goes round.
func partOf(list []*lessons.Lesson, part string) ([]*lessons.Lesson, error) {
	var which, of int
	if n, err := fmt.Sscanf(part, "%d/%d", &which, &of); err != nil || n != 2 || which < 1 || of < 1 {
		return nil, fmt.Errorf("part %q: write which of how many, such as 2/3", part)
	}
	var some []*lessons.Lesson
	for i, l := range list {
		if i%of == (which-1)%of {
			some = append(some, l)
		}
	}
	return some, nil
}

func tellResults(cmd *cobra.Command, results []play.Result, output string) error {
	if output == "json" {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(results); err != nil {
			return err
		}
	}
	failed, mutated, noticed := 0, 0, 0
	for _, r := range results {
		if len(r.Problems) > 0 {
			failed++
		}
		mutated, noticed = mutated+r.Mutated, noticed+r.Noticed
		for _, problem := range r.Problems {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", strings.TrimSpace(r.Lesson+" "+r.Values), problem)
		}
	}
	if output != "json" {
		if mutated > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "%d steps without their solution, %d noticed\n", mutated, noticed)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d passed, %d failed\n", len(results)-failed, failed)
	}
	if failed > 0 {
		return errors.New("lessons failed")
	}
	return nil
}

// lessonEnvs makes worlds for lessons that are played without the app. Each has
// a kubeconfig of its own, so that lessons side by side do not move each other's
// namespace.
func lessonEnvs(g *global) play.Envs {
	return func() (play.Env, func(), error) {
		path, err := g.kubeconfig()
		if err != nil {
			return play.Env{}, nil, err
		}
		loaded, err := clientcmd.LoadFromFile(path)
		if err != nil {
			return play.Env{}, nil, fmt.Errorf("read kubeconfig: %w", err)
		}
		config, err := clientcmd.NewDefaultClientConfig(*loaded, nil).ClientConfig()
		if err != nil {
			return play.Env{}, nil, fmt.Errorf("read kubeconfig: %w", err)
		}
		// What a watch or a connection mutters while parts of the cluster are taken
		// away is not for the reader of the lesson.
		quiet := flag.NewFlagSet("klog", flag.ContinueOnError)
		klog.InitFlags(quiet)
		if err := errors.Join(quiet.Set("logtostderr", "false"), quiet.Set("stderrthreshold", "FATAL")); err != nil {
			return play.Env{}, nil, err
		}
		klog.SetOutput(io.Discard)
		config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
		self, err := os.Executable()
		if err != nil {
			return play.Env{}, nil, fmt.Errorf("find own program: %w", err)
		}
		dir, err := os.MkdirTemp("", "kubarium-kubeconfig-")
		if err != nil {
			return play.Env{}, nil, err
		}
		own := filepath.Join(dir, "config")
		env := play.Env{
			Config:    config,
			Control:   g.client(),
			Namespace: func(name string) error { return writeNamespace(loaded, own, name) },
			Kubectl: func(ctx context.Context, args ...string) *exec.Cmd {
				if command.Own(args) {
					return exec.CommandContext(ctx, self, g.same(args)...)
				}
				cmd := exec.CommandContext(ctx, self, append([]string{"kubectl"}, args...)...)
				cmd.Env = append(os.Environ(), "KUBARIUM_KUBECONFIG="+own)
				return cmd
			},
		}
		return env, func() { os.RemoveAll(dir) }, env.Namespace("default")
	}
}

// writeNamespace writes a kubeconfig whose commands work in a namespace.
func writeNamespace(config *clientcmdapi.Config, path, namespace string) error {
	if current := config.Contexts[config.CurrentContext]; current != nil {
		current.Namespace = namespace
	}
	return clientcmd.WriteToFile(*config, path)
}
