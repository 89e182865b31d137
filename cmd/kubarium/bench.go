package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster/addons"
	"kubarium/cluster/bench"
)

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure the cluster", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(newBenchBootCommand(), newBenchRestartCommand(), newBenchTapsCommand(), newBenchSoakCommand(), newBenchUICommand(), newBenchSourceCommand(), newBenchAppCommand())
	return cmd
}

func newBenchBootCommand() *cobra.Command {
	var output string
	var again bool
	var idle time.Duration
	var disable []string
	cmd := &cobra.Command{
		Use: "boot", Short: "Start a new cluster with the app, measure it, and remove it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := addons.CheckNames(disable); err != nil {
				return err
			}
			self, dir, err := benchPlace(cmd, output)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			options := bench.Options{Self: self, Dir: dir, Idle: idle, Disable: disable}
			if again {
				// The first start makes the state that the second finds.
				if _, err := bench.RunBoot(cmd.Context(), bench.Options{Self: self, Dir: dir, Disable: disable}); err != nil {
					return err
				}
			}
			result, err := bench.RunBoot(cmd.Context(), options)
			if err != nil {
				return err
			}
			return tellBoot(cmd, result, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the result: text or json")
	cmd.Flags().BoolVar(&again, "again", false, "measure a start on existing state instead")
	cmd.Flags().StringSliceVar(&disable, "disable", nil, "add-ons to leave out")
	cmd.Flags().DurationVar(&idle, "idle", 30*time.Second, "how long to watch the idle cluster; 0 leaves it out")
	return cmd
}

// benchPlace returns the program, and a new directory for what it is measured on.
func benchPlace(cmd *cobra.Command, output string) (self, dir string, err error) {
	if output != "text" && output != "json" {
		return "", "", fmt.Errorf("output format %q: use text or json", output)
	}
	if err := needRoot(cmd, whyRoot); err != nil {
		return "", "", err
	}
	if self, err = os.Executable(); err != nil {
		return "", "", fmt.Errorf("find own program: %w", err)
	}
	if dir, err = os.MkdirTemp("/var/tmp", "kb"); err != nil {
		return "", "", fmt.Errorf("make directory: %w", err)
	}
	return self, dir, nil
}

func tellBoot(cmd *cobra.Command, b bench.Boot, output string) error {
	if output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		what string
		n    float64
		unit string
	}{
		{"etcd ready", b.EtcdReady, "s"},
		{"API server ready", b.APIReady, "s"},
		{"nodes Ready", b.NodesReady, "s"},
		{"a pod resolved kubernetes.default", b.DNS, "s"},
		{"a new app answers by its DNS name", b.AppViaDNS, "s"},
		{"three replicas, from creation to Ready", b.DeploymentReady, "s"},
		{"peak memory", b.PeakPSS, "MiB"},
		{"idle memory", b.IdlePSS, "MiB"},
		{"idle processors", b.IdleCPU, "cores"},
	} {
		fmt.Fprintf(table, "%s\t%.2f %s\t\n", row.what, row.n, row.unit)
	}
	return table.Flush()
}
