package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kubarium/cluster/trace"
)

// traceFlags say what of the trace is shown, and how.
type traceFlags struct {
	follow     bool
	output     string
	components []string
	match      string
	writes     bool
}

// tapped are the components in which there is a tap.
var tapped = []string{"kube-apiserver", "etcd", "kube-scheduler", "kube-controller-manager", "kubelet", "kube-proxy", "fault", "hold"}

func newTraceCommand(g *global) *cobra.Command {
	var flags traceFlags
	cmd := &cobra.Command{
		Use: "trace", Short: "Show each API request, write to etcd, scheduling attempt, and what controllers and kubelets do", Args: cobra.NoArgs,
		Long: `Show what the cluster's components did, from taps in them: each request to the API
server with who asked, how that is known, why it was allowed, what admission changed
and how long it took; how many watchers each change was given to; each write to
etcd with what it changed; each attempt to schedule a pod with what every node
lacked or scored; what controllers say of their work; what the kubelets do: calls to
containerd with their payload (-o json), mounts, probes, what they notice and what they
report; what kube-proxy changes in the packet rules of a Service on each node; and what was
broken or held on purpose. The newest ` + fmt.Sprint(trace.Limit>>20) + ` MiB of events are kept.`,
		Example: `  # All that is done to anything named web, as it happens
  kubarium trace -f --match web

  # What was written to etcd
  kubarium trace --component etcd`,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.showTrace(cmd, flags) },
	}
	cmd.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on with new events, until Ctrl-C")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "lines", "lines or json (one object a line)")
	cmd.Flags().StringSliceVar(&flags.components, "component", nil, "only these components: "+strings.Join(tapped, ", "))
	cmd.Flags().StringVar(&flags.match, "match", "", "only events whose line has this text")
	cmd.Flags().BoolVar(&flags.writes, "writes", false, "leave out what only reads")
	cmd.AddCommand(newTraceSchedulingCommand(g), newTraceControllersCommand(g))
	return cmd
}

func (g *global) showTrace(cmd *cobra.Command, flags traceFlags) error {
	if flags.output != "lines" && flags.output != "json" {
		return fmt.Errorf("there is no output %q: use lines or json", flags.output)
	}
	for _, name := range flags.components {
		if !slices.Contains(tapped, name) {
			return fmt.Errorf("there is no component %q to trace; there are %s", name, strings.Join(tapped, ", "))
		}
	}
	encoder := json.NewEncoder(cmd.OutOrStdout())
	gaps := gaps{out: cmd.ErrOrStderr()}
	err := g.client().Trace(cmd.Context(), 0, flags.follow, func(event trace.Event, lost uint64) error {
		gaps.tell(lost)
		if !flags.shows(event) {
			return nil
		}
		if flags.output == "json" {
			return encoder.Encode(event)
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), event.Line())
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return g.explain(err)
}

func (f traceFlags) shows(event trace.Event) bool {
	if len(f.components) > 0 && !slices.Contains(f.components, event.Component) {
		return false
	}
	if f.writes {
		switch event.Verb {
		case "get", "list", "watch":
			return false
		}
	}
	return f.match == "" || strings.Contains(event.Line(), f.match)
}

// gaps tells of events that were overwritten before they were read.
type gaps struct {
	out io.Writer
	// begun is set when something has been read: what went before that is no gap, as only
	// the newest events are kept.
	begun bool
}

func (g *gaps) tell(lost uint64) {
	if lost > 0 && g.begun {
		fmt.Fprintf(g.out, "%d events came too fast to be kept, and are missing here\n", lost)
	}
	g.begun = true
}
