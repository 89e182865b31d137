package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/lessons"
	"kubarium/lessons/course"
	"kubarium/lessons/play"
)

func newLessonCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "lesson", Short: "List, check and test lessons", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(newLessonListCommand(), newLessonLintCommand(), newLessonTestCommand(g))
	return cmd
}

func newLessonListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the lessons; play one with: kubarium --lesson ID", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := course.Load()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "ID\tTITLE\tMINUTES\tSTEPS")
			for _, l := range all.Lessons() {
				fmt.Fprintf(table, "%s\t%s\t%d\t%d\n", l.ID, l.Title, l.Minutes, len(l.Steps))
			}
			return table.Flush()
		},
	}
}

func newLessonLintCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lint [DIR]", Short: "Check the lessons in a directory, or those that are built in", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files := course.Files()
			if len(args) == 1 {
				files = os.DirFS(args[0])
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

func newLessonTestCommand(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "test [ID]", Short: "Play lessons from their own data on the running cluster, and prove their checks", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := course.Load()
			if err != nil {
				return err
			}
			env, err := lessonEnv(g)
			if err != nil {
				return err
			}
			progress := cmd.OutOrStdout()
			if output == "json" {
				progress = io.Discard
			}
			var results []play.Result
			if len(args) == 0 {
				results, err = play.Test(cmd.Context(), all, env, progress)
			} else if l := all.Find(args[0]); l != nil {
				results = make([]play.Result, 1)
				results[0], err = play.TestLesson(cmd.Context(), l, env, progress)
			} else {
				err = fmt.Errorf("there is no lesson %q: see 'kubarium lesson list'", args[0])
			}
			if err != nil {
				return err
			}
			return tellResults(cmd, results, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the results: text or json")
	return cmd
}

func tellResults(cmd *cobra.Command, results []play.Result, output string) error {
	if output == "json" {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(results); err != nil {
			return err
		}
	}
	failed := 0
	for _, r := range results {
		if len(r.Problems) > 0 {
			failed++
		}
		for _, problem := range r.Problems {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", r.Lesson, problem)
		}
	}
	if output != "json" {
		fmt.Fprintf(cmd.OutOrStdout(), "%d passed, %d failed\n", len(results)-failed, failed)
	}
	if failed > 0 {
		return errors.New("lessons failed")
	}
	return nil
}

func lessonEnv(g *global) (play.Env, error) {
	path, err := g.kubeconfig()
	if err != nil {
		return play.Env{}, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return play.Env{}, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	self, err := os.Executable()
	if err != nil {
		return play.Env{}, fmt.Errorf("find own program: %w", err)
	}
	return play.Env{
		Config: config,
		Kubectl: func(ctx context.Context, args ...string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, self, append([]string{"kubectl"}, args...)...)
			cmd.Env = append(os.Environ(), "KUBARIUM_KUBECONFIG="+path)
			return cmd
		},
	}, nil
}
