package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster/bench"
)

func newBenchTapsCommand() *cobra.Command {
	var output string
	var each time.Duration
	cmd := &cobra.Command{
		Use: "taps", Short: "Measure what it costs to see inside the components", Args: cobra.NoArgs,
		Long: `Start pairs of new clusters side by side, one with taps and one without, and ask their
API servers in turn, five seconds at a time, 200 times a second. Told are the ratios of the
processor time that the whole cluster took, and of the median latency, with taps over
without.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if each < time.Second {
				return fmt.Errorf("%s is too short: use 1s or more", each)
			}
			self, dir, err := benchPlace(cmd, output)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			result, err := bench.RunTaps(cmd.Context(), self, dir, each, func(p bench.Taps) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%.3f of %.3f cores, median %.2f of %.2f ms\n", p.CPUOn, p.CPUOff, p.P50On, p.P50Off)
			})
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "processors  %.3f of %.3f cores: %.3fx\nlatency     %.2f of %.2f ms: %.3fx\nthe machine was late by %.2f ms, and by %.2f ms one time of a hundred\n",
				result.CPUOn, result.CPUOff, result.CPURatio, result.P50On, result.P50Off, result.P50Ratio, result.LateP50, result.LateP99)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the result: text or json")
	// A collection of garbage, each ten seconds or so, takes as much as a second of the requests.
	cmd.Flags().DurationVar(&each, "each", time.Minute, "how long each of the eight clusters is asked")
	return cmd
}
