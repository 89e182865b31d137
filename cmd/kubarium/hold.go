package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"kubarium/cluster/hold"
)

func newHoldCommand(g *global) *cobra.Command {
	rule, rate := hold.Rule{}, ""
	cmd := &cobra.Command{
		Use: "hold RULE", Short: "Have requests to the API server wait, to let them through one at a time", Args: cobra.ExactArgs(1),
		Long: `Has write requests to the API server wait, so that you see what a component is about
to do. 'kubarium step' lets the oldest through, 'kubarium release' all.

RULE is a kind of request: ` + strings.Join(hold.Kinds(), ", ") + `;
or who asks: a component (kube-scheduler), a controller (replicaset-controller), a
node's kubelet (node-1, or kubelet for all), a user or a program (kubectl).

Reads, leases, heartbeats of nodes, tokens and events never wait. A request that waited
for a minute is sent back, and its client sends it again: nothing is lost.`,
		Example: `  kubarium hold bindings
  kubectl run web --image=kubarium/web:1.0
  kubarium hold list
  kubarium step
  kubarium release --all

  # The scheduler at a tenth of its speed
  kubarium hold kube-scheduler --rate 1/10`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rule.Name = args[0]
			if rate != "" {
				var err error
				if rule.Rate, err = hold.ParseRate(rate); err != nil {
					return err
				}
			}
			if err := g.client().Hold(cmd.Context(), rule); err != nil {
				return g.explain(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s held; let one through with 'kubarium step', all with 'kubarium release %s'\n", rule.Name, rule.Name)
			return nil
		},
	}
	cmd.Flags().StringVar(&rule.Namespace, "namespace", "", "hold only what concerns this namespace")
	cmd.Flags().StringVar(&rate, "rate", "", "let requests through by themselves, at this fraction of their speed, such as 1/10")
	cmd.AddCommand(newHoldListCommand(g))
	return cmd
}

func newHoldListCommand(g *global) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List what is held, and what waits", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := g.client().Holds(cmd.Context())
			if err != nil {
				return g.explain(err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), state)
			}
			return printHolds(cmd.OutOrStdout(), state)
		},
	}
	bindOutput(cmd, &asJSON)
	return cmd
}

func printHolds(w io.Writer, state hold.State) error {
	if len(state.Rules) == 0 {
		fmt.Fprintln(w, "nothing is held")
		return nil
	}
	for _, r := range state.Rules {
		fmt.Fprintf(w, "%s held for %s", r.Name, duration.HumanDuration(time.Since(r.Since)))
		if r.Namespace != "" {
			fmt.Fprintf(w, ", in namespace %s", r.Namespace)
		}
		if r.Rate > 0 {
			fmt.Fprintf(w, ", at %g of its speed", r.Rate)
		}
		fmt.Fprintln(w)
	}
	if len(state.Waiting) == 0 {
		fmt.Fprintln(w, "nothing waits")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "WAITS\tBY\tWHO\tNAMESPACE\tWOULD")
	for _, t := range state.Waiting {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", duration.HumanDuration(time.Since(t.Since)), t.Rule, t.User, t.Namespace, t.Does)
	}
	return table.Flush()
}

func newStepCommand(g *global) *cobra.Command {
	n := 1
	cmd := &cobra.Command{
		Use: "step [RULE]", Short: "Let the oldest of the requests through that wait", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			passed, err := g.client().Step(cmd.Context(), append(args, "")[0], n)
			if err != nil {
				return g.explain(err)
			}
			printPassed(cmd.OutOrStdout(), passed)
			return nil
		},
	}
	cmd.Flags().IntVarP(&n, "number", "n", 1, "how many")
	return cmd
}

func newReleaseCommand(g *global) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use: "release RULE | --all", Short: "Hold requests no longer, and let through those that wait", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name a rule, or say --all")
			}
			passed, err := g.client().Release(cmd.Context(), append(args, "")[0])
			if err != nil {
				return g.explain(err)
			}
			printPassed(cmd.OutOrStdout(), passed)
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "release all that is held")
	return cmd
}

func printPassed(w io.Writer, passed []hold.Waiting) {
	if len(passed) == 0 {
		fmt.Fprintln(w, "nothing waited")
	}
	for _, t := range passed {
		fmt.Fprintf(w, "%s: %s\n", t.User, t.Does)
	}
}
