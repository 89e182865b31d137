package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster/machine"
	"kubarium/cluster/memory"
	"kubarium/ui/bench"
)

func newBenchUICommand() *cobra.Command {
	var output string
	options := bench.Options{Size: bench.Usual()}
	cmd := &cobra.Command{
		Use: "ui", Short: "Measure the app on a large synthetic cluster that never rests", Args: cobra.NoArgs,
		Long: "Measure the app, in a terminal of its own, on a synthetic cluster: how soon a key is answered on\n" +
			"the screen while objects change, what that costs, whether a change is lost, and what the app does\n" +
			"while nothing happens. No cluster is needed, nor root.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if output != "text" && output != "json" {
				return fmt.Errorf("output format %q: use text or json", output)
			}
			if options.Dir, err = os.MkdirTemp("", "kubarium-bench-"); err != nil {
				return fmt.Errorf("make directory: %w", err)
			}
			defer func() { err = errors.Join(err, os.RemoveAll(options.Dir)) }()
			options.Command = func(args ...string) *exec.Cmd { return exec.CommandContext(cmd.Context(), self(), args...) }
			options.Measure = func(pid int) (time.Duration, int64, error) {
				u, err := machine.MeasureUsage(pid)
				return u.CPU, int64(u.PSS), err
			}
			result, err := bench.Run(cmd.Context(), options)
			if err != nil {
				return err
			}
			return tellUI(cmd, result, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the result: text or json")
	cmd.Flags().Var(&options.Size, "size", "columns and lines of the terminal; a frame costs by its cells")
	cmd.Flags().IntVar(&options.Pods, "pods", 5000, "pods of the cluster")
	cmd.Flags().IntVar(&options.Nodes, "nodes", 500, "nodes of the cluster")
	cmd.Flags().IntVar(&options.Rate, "rate", 200, "changes a second")
	cmd.Flags().DurationVar(&options.Load, "load", 30*time.Second, "how long objects change")
	cmd.Flags().DurationVar(&options.Idle, "idle", time.Minute, "how long to watch the app while nothing happens; 0 leaves it out")
	return cmd
}

func tellUI(cmd *cobra.Command, r bench.Result, output string) error {
	if output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		what   string
		n      float64
		unit   string
		target float64
	}{
		{"key to painted frame, median", r.KeyToFrameP50, "ms", 0},
		{"key to painted frame, 99 of 100", r.KeyToFrameP99, "ms", bench.TargetKeyToFrameMS},
		{"of that the machine itself, 99 of 100", r.LateP99, "ms", 0},
		{"processors under load", r.CPU, "cores", bench.TargetCPU},
		{"memory above the empty app", r.ExtraMiB, "MiB", bench.TargetExtraMiB},
		{"frames a second while idle", r.IdleFPS, "", bench.TargetIdleFPS},
		{"processors while idle", r.IdleCPU, "cores", 0},
	} {
		target := ""
		if row.target > 0 || row.what == "frames a second while idle" {
			target = fmt.Sprintf("at most %g", row.target)
		}
		fmt.Fprintf(table, "%s\t%.2f %s\t%s\t\n", row.what, row.n, row.unit, target)
	}
	fmt.Fprintf(table, "of %d changes lost\t%d \tat most 0\t\n", r.Changes, r.Dropped)
	for _, f := range r.Frames {
		fmt.Fprintf(table, "a frame of %d pods, median\t%.2f ms\t%.2f times the smallest\t\n", f.Pods, f.P50, f.Ratio)
	}
	return table.Flush()
}

func newBenchSourceCommand() *cobra.Command {
	var nodes, pods int
	cmd := &cobra.Command{
		Use: "ui-source", Short: "Serve a synthetic cluster for bench ui", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.Serve(cmd.Context(), nodes, pods, func(url string) { fmt.Fprintln(cmd.OutOrStdout(), url) })
		},
	}
	cmd.Flags().IntVar(&nodes, "nodes", 0, "nodes of the cluster")
	cmd.Flags().IntVar(&pods, "pods", 0, "pods of the cluster")
	return cmd
}

func newBenchAppCommand() *cobra.Command {
	var source, file string
	cmd := &cobra.Command{
		Use: "ui-app", Short: "Show the app for bench ui", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			memory.ForApp()
			return bench.Show(cmd.Context(), source, file)
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "URL of the source")
	cmd.Flags().StringVar(&file, "file", "", "file for what was seen last")
	return cmd
}
