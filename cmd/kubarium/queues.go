package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"kubarium/cluster/printable"
	"kubarium/cluster/trace"
)

// schedulingFlags say how much is told of the scheduler's attempts.
type schedulingFlags struct {
	namespace, output string
	depth             int
	all               bool
}

func newTraceSchedulingCommand(g *global) *cobra.Command {
	var flags schedulingFlags
	cmd := &cobra.Command{
		Use: "scheduling [POD]", Short: "Tell why the scheduler chose the node of a pod, or what waits in its queue", Args: cobra.MaximumNArgs(1),
		Long: `Tell what each attempt to schedule a pod came to, at three depths: one sentence; the
plugins that decided, against the average of the nodes; all that each plugin said of
each node. The scheduler asks no further filter after the first that refuses a node:
those are "not asked". Without a pod, tell which pods wait in which of the scheduler's
queues, and why.`,
		Example: `  kubarium trace scheduling web-0 --depth 3
  kubarium trace scheduling`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.depth < 1 || flags.depth > 3 {
				return fmt.Errorf("there is no depth %d: use 1, 2 or 3", flags.depth)
			}
			if err := checkOutput(flags.output); err != nil {
				return err
			}
			if len(args) == 0 {
				return g.showPending(cmd, flags.output)
			}
			return g.showAttempts(cmd, args[0], flags)
		},
	}
	cmd.Flags().StringVarP(&flags.namespace, "namespace", "n", "default", "the pod's namespace")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "lines", "lines or json (one object a line)")
	cmd.Flags().IntVar(&flags.depth, "depth", 2, "1: one sentence; 2: what decided; 3: everything")
	cmd.Flags().BoolVar(&flags.all, "all", false, "all attempts that the trace has, not the last alone")
	return cmd
}

func checkOutput(output string) error {
	if output != "lines" && output != "json" {
		return fmt.Errorf("there is no output %q: use lines or json", output)
	}
	return nil
}

func (g *global) showAttempts(cmd *cobra.Command, pod string, flags schedulingFlags) error {
	pod = strings.TrimPrefix(strings.TrimPrefix(pod, "pods/"), "pod/")
	var attempts []seenAttempt
	err := g.client().Trace(cmd.Context(), 0, false, func(e trace.Event, _ uint64) error {
		switch last := len(attempts) - 1; {
		case e.Component != "kube-scheduler" || e.Object.Namespace != flags.namespace || e.Object.Name != pod:
		case trace.IsAttempt(e):
			attempts = append(attempts, seenAttempt{event: e})
		case last >= 0 && attempts[last].event.Object.UID == e.Object.UID:
			attempts[last].then = append(attempts[last].then, e)
		}
		return nil
	})
	if err != nil {
		return g.explain(err)
	}
	if len(attempts) == 0 {
		return fmt.Errorf("the trace has no attempt to schedule pod %s/%s: it keeps the newest %d MiB of events, and pods with a nodeName are not scheduled", flags.namespace, pod, trace.Limit>>20)
	}
	if !flags.all {
		attempts = attempts[len(attempts)-1:]
	}
	for _, a := range attempts {
		if err := writeAttempt(cmd.OutOrStdout(), a, flags); err != nil {
			return err
		}
	}
	return nil
}

// seenAttempt is an attempt, and what came of it.
type seenAttempt struct {
	event trace.Event
	then  []trace.Event
}

func writeAttempt(out io.Writer, seen seenAttempt, flags schedulingFlags) error {
	attempt, err := trace.AttemptOf(seen.event)
	if err != nil {
		return err
	}
	attempt.Then = seen.then
	if flags.output == "json" {
		return json.NewEncoder(out).Encode(attempt)
	}
	for i, line := range attempt.Tell(flags.depth) {
		if i == 0 {
			line = seen.event.Time.Local().Format("15:04:05.000") + "  " + line
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight("  "[:min(2, 2*i)]+printable.Line(line), " ")); err != nil {
			return err
		}
	}
	return nil
}

func (g *global) showPending(cmd *cobra.Command, output string) error {
	pending, err := g.client().Pending(cmd.Context())
	if err != nil {
		return g.explain(err)
	}
	out := cmd.OutOrStdout()
	if output == "json" {
		return eachJSON(out, pending)
	}
	if len(pending) == 0 {
		_, err := fmt.Fprintln(out, "No pod waits for a node.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "QUEUE\tPOD\tATTEMPTS\tREFUSED BY\tWHY")
	for _, p := range pending {
		why := cmp.Or(p.Why, "not looked at yet")
		if len(p.Gates) > 0 {
			why = "scheduling gates: " + strings.Join(p.Gates, ", ")
		}
		fmt.Fprintf(table, "%s\t%s/%s\t%d\t%s\t%s\n", p.Queue, p.Namespace, p.Name, p.Attempts, cmp.Or(strings.Join(p.Plugins, ","), "-"), printable.Line(why))
	}
	return table.Flush()
}

func eachJSON[T any](out io.Writer, list []T) error {
	encoder := json.NewEncoder(out)
	for _, item := range list {
		if err := encoder.Encode(item); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
	}
	return nil
}

func newTraceControllersCommand(g *global) *cobra.Command {
	var output string
	var all bool
	cmd := &cobra.Command{
		Use: "controllers [NAME]", Short: "Tell what the controllers wait for, say and write", Args: cobra.MaximumNArgs(1),
		Long: `Tell of each controller what waits in its queue, what it said last of its work, what it
wrote last and which error it had last. With a name, tell all that the trace has of it.
Queues and counters are the controllers' own; what they say is from their log.`,
		Example: `  kubarium trace controllers
  kubarium trace controllers replicaset-controller`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if len(args) == 1 {
				return g.showController(cmd, args[0], output)
			}
			return g.showControllers(cmd, output, all)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "lines", "lines or json (one object a line)")
	cmd.Flags().BoolVar(&all, "all", false, "those too that never had anything to do")
	return cmd
}

// controllers asks for the queues, and reads the trace.
func (g *global) controllers(cmd *cobra.Command, see func(trace.Event)) ([]trace.Controller, error) {
	queues, err := g.client().WorkQueues(cmd.Context())
	if err != nil {
		return nil, g.explain(err)
	}
	all := trace.NewControllers(queues)
	err = g.client().Trace(cmd.Context(), 0, false, func(e trace.Event, _ uint64) error {
		all.Add(e)
		see(e)
		return nil
	})
	return all.List(), g.explain(err)
}

func (g *global) showControllers(cmd *cobra.Command, output string, all bool) error {
	list, err := g.controllers(cmd, func(trace.Event) {})
	if err != nil {
		return err
	}
	if !all {
		list = slices.DeleteFunc(list, func(c trace.Controller) bool {
			return c.Said.Seq == 0 && c.Wrote.Seq == 0 && !slices.ContainsFunc(c.Queue, func(q trace.WorkQueue) bool { return q.Adds > 0 })
		})
	}
	out := cmd.OutOrStdout()
	if output == "json" {
		return eachJSON(out, list)
	}
	table := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "CONTROLLER\tWAIT\tCAME\tRETRIED\tLAST SAID\tLAST WROTE\tLAST ERROR")
	for _, c := range list {
		var sum trace.WorkQueue
		for _, q := range c.Queue {
			sum.Depth, sum.Adds, sum.Retries = sum.Depth+q.Depth, sum.Adds+q.Adds, sum.Retries+q.Retries
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", c.Name, sum.Depth, sum.Adds, sum.Retries,
			cut(c.Said.Detail), cut(written(c.Wrote)), cut(cmp.Or(c.Failed.Fields["value.err"], c.Failed.Detail)))
	}
	return table.Flush()
}

func written(e trace.Event) string {
	if e.Seq == 0 {
		return ""
	}
	return e.Verb + " " + e.Object.String()
}

// cut keeps a cell short.
func cut(s string) string {
	const most = 60
	s = printable.Line(cmp.Or(s, "-"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-3], "") + "..."
	}
	return s
}

func (g *global) showController(cmd *cobra.Command, name, output string) error {
	var events []trace.Event
	list, err := g.controllers(cmd, func(e trace.Event) {
		if e.Component == "kube-controller-manager" && e.Actor == name || trace.Changes(e.Verb) && strings.HasSuffix(e.Actor, ":"+name) {
			events = append(events, e)
		}
	})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(c trace.Controller) bool { return c.Name == name }) {
		return fmt.Errorf("there is no controller %q: list them with 'kubarium trace controllers --all'", name)
	}
	out := cmd.OutOrStdout()
	if output == "json" {
		return eachJSON(out, events)
	}
	for _, e := range events {
		if _, err := fmt.Fprintln(out, e.Line()); err != nil {
			return fmt.Errorf("write event: %w", err)
		}
	}
	return nil
}
