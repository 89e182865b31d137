package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster/clock"
	"kubarium/cluster/fault"
)

func newClockCommand(g *global) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "clock", Short: "Shorten the timers that make one wait for minutes", Args: cobra.NoArgs,
		Long: `Kubernetes is slow on purpose: a node that is silent for a moment is not to lose its pods.
'clock' tells these timers, 'clock fast' shortens them for a time, and 'clock normal'
gives them upstream's values again. The API server, the controllers and the kubelets
start anew for it; containers go on. Pods keep the tolerations that they were made with.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.tellClock(cmd, asJSON) },
	}
	bindOutput(cmd, &asJSON)
	var lasts time.Duration
	fast := &cobra.Command{
		Use: "fast", Short: "Shorten the timers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			active, err := g.client().InjectFault(cmd.Context(), fault.Order{Name: fault.FastClock, Target: fault.WholeCluster, For: lasts})
			if err != nil {
				return g.explain(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "clock: fast, for %s\n", active.For)
			return nil
		},
	}
	fast.Flags().Var((*lastsFlag)(&lasts), "for", "how long; 30m unless given")
	normal := &cobra.Command{
		Use: "normal", Short: "Give the timers upstream's values again", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := g.client().HealFaults(cmd.Context(), fault.FastClock, ""); err != nil {
				return g.explain(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "clock: normal")
			return nil
		},
	}
	cmd.AddCommand(fast, normal)
	return cmd
}

// tellClock prints all timers, and which of their values counts.
func (g *global) tellClock(cmd *cobra.Command, asJSON bool) error {
	active, err := g.client().Faults(cmd.Context())
	if err != nil {
		return g.explain(err)
	}
	i := slices.IndexFunc(active, func(f fault.Active) bool { return f.Name == fault.FastClock })
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"fast": i >= 0, "timers": clock.Timers()})
	}
	if i < 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "clock: normal (production's values count)")
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "clock: fast, for %s more\n", time.Until(active[i].Until).Round(time.Second))
	}
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
	fmt.Fprintln(out, "OF\tTIMER\tPRODUCTION\tFAST\tMEANING")
	for _, t := range clock.Timers() {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", t.Of, t.Name, t.Production, t.Fast, t.Meaning)
	}
	return out.Flush()
}
