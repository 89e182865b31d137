package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"kubarium/cluster/fault"
)

func newFaultCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "fault", Short: "Break a part of the cluster on purpose, and heal it", Args: cobra.NoArgs, RunE: showHelp,
		Long: `Breaks a part of the running cluster on purpose: for real, and only for a time. Each
fault says what to expect, heals on its own when its time is over, and can be healed
before.`,
		Example: `  kubarium fault list
  kubarium fault inject container-oom shop/web-0
  kubarium fault inject node-kill node-2 --for 5m
  kubarium fault status
  kubarium fault heal --all`,
	}
	cmd.AddCommand(newFaultListCommand(), newFaultInjectCommand(g), newFaultHealCommand(g), newFaultStatusCommand(g))
	return cmd
}

// bindOutput adds -o json to a command.
func bindOutput(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().VarP((*jsonOutput)(asJSON), "output", "o", "how to print: json, instead of a table")
}

// jsonOutput is the value of -o where json is the only choice.
type jsonOutput bool

// String is what is chosen.
func (j *jsonOutput) String() string {
	if *j {
		return "json"
	}
	return ""
}

// Set takes json.
func (j *jsonOutput) Set(text string) error {
	if text != "json" {
		return errors.New("only json is known")
	}
	*j = true
	return nil
}

// Type is shown in the help.
func (j *jsonOutput) Type() string { return "json" }

// Want is what an invocation that has something else should have.
func (j *jsonOutput) Want() string { return "json" }

// listedFault is a fault as -o json tells it.
type listedFault struct {
	Name           string        `json:"name"`
	Target         string        `json:"target"`
	Summary        string        `json:"summary"`
	Expect         string        `json:"expect"`
	DefaultSeconds float64       `json:"default_s,omitempty"`
	MaxSeconds     float64       `json:"max_s,omitempty"`
	Params         []fault.Param `json:"params,omitempty"`
}

func newFaultListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list [NAME]", Aliases: []string{"ls"}, Short: "List the faults that there are, or tell all of one", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all := fault.Catalogue()
			if len(args) == 1 {
				one, err := fault.Find(args[0])
				if err != nil {
					return err
				}
				if all = []fault.Fault{one}; !asJSON {
					printFault(cmd.OutOrStdout(), one)
					return nil
				}
			}
			if asJSON {
				return printFaultsJSON(cmd.OutOrStdout(), all)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "NAME\tTARGET\tLASTS\tWHAT IT DOES")
			for _, f := range all {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Name, f.Target, lasts(f), f.Summary)
			}
			return table.Flush()
		},
	}
	bindOutput(cmd, &asJSON)
	return cmd
}

func lasts(f fault.Fault) string {
	if f.Once() {
		return "an instant"
	}
	return duration.HumanDuration(f.Default)
}

func printFault(w io.Writer, f fault.Fault) {
	fmt.Fprintf(w, "%s %s\n\n%s: %s.\n\n%s\n", f.Name, f.Target, f.Name, f.Summary, f.Expect)
	if !f.Once() {
		fmt.Fprintf(w, "\nIt lasts %s unless --for says otherwise, and at most %s.\n", f.Default, f.Max)
	}
	for _, p := range f.Params {
		fmt.Fprintf(w, "\n--param %s=%s\n    %s\n", p.Name, p.Default, p.Meaning)
	}
}

func printFaultsJSON(w io.Writer, all []fault.Fault) error {
	list := make([]listedFault, 0, len(all))
	for _, f := range all {
		list = append(list, listedFault{f.Name, f.Target, f.Summary, f.Expect, f.Default.Seconds(), f.Max.Seconds(), f.Params})
	}
	return printJSON(w, list)
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func newFaultInjectCommand(g *global) *cobra.Command {
	order := fault.Order{}
	cmd := &cobra.Command{
		Use: "inject NAME TARGET", Short: "Break something, and say what to expect", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			order.Name, order.Target = args[0], args[1]
			injected, err := g.client().InjectFault(cmd.Context(), order)
			if err != nil {
				return g.explain(err)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s %s injected\n%s\n", injected.Name, injected.Target, injected.Expect)
			if !injected.Until.IsZero() {
				fmt.Fprintf(out, "It heals in %s, or with: kubarium fault heal %s %s%s\n",
					duration.HumanDuration(time.Until(injected.Until).Round(time.Second)), injected.Name, injected.Target, g.nameFlag())
			}
			return nil
		},
	}
	cmd.Flags().Var((*lastsFlag)(&order.For), "for", "how long it lasts, such as 90s or 5m (default: see 'kubarium fault list')")
	cmd.Flags().StringToStringVar(&order.Params, "param", nil, "a parameter of the fault, as name=value; may be repeated")
	return cmd
}

func newFaultHealCommand(g *global) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use: "heal NAME [TARGET] | --all", Short: "Heal what was broken", Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name a fault, and perhaps its target, or say --all")
			}
			args = append(args, "", "")
			healed, err := g.client().HealFaults(cmd.Context(), args[0], args[1])
			if err != nil {
				return g.explain(err)
			}
			for _, f := range healed {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s healed\n", f.Name, f.Target)
			}
			if len(healed) == 0 && !all {
				return fmt.Errorf("%s is not active: 'kubarium fault status' tells what is", strings.TrimSpace(args[0]+" "+args[1]))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "heal all that is broken")
	return cmd
}

func newFaultStatusCommand(g *global) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "List what is broken now, and for how long", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			active, err := g.client().Faults(cmd.Context())
			if err != nil {
				return g.explain(err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), active)
			}
			if len(active) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing is broken on purpose")
				return nil
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "FAULT\tTARGET\tSINCE\tHEALS IN\tPARAMETERS\tTROUBLE")
			for _, f := range active {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.Target, duration.HumanDuration(time.Since(f.Since)),
					duration.HumanDuration(time.Until(f.Until)), printParams(f.Params), f.Trouble)
			}
			return table.Flush()
		},
	}
	bindOutput(cmd, &asJSON)
	return cmd
}

func printParams(params map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		list = append(list, name+"="+params[name])
	}
	return strings.Join(list, ",")
}
