package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kubarium/cluster/inspect"
)

// inspectFlags are those of all kinds of inspection.
type inspectFlags struct {
	asJSON, watch bool
}

func (f *inspectFlags) bind(cmd *cobra.Command) *cobra.Command {
	bindOutput(cmd, &f.asJSON)
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "show it again at each change, until Ctrl-C")
	return cmd
}

func newInspectCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "inspect", Short: "Look inside a node: its containerd, a container's Linux side",
		Long: `Look at what is really there inside of the nodes. All of it is read at that moment, from
containerd, the kernel and its files; nothing is remembered or inferred.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newInspectNodeCommand(g), newInspectContainerCommand(g))
	return cmd
}

func newInspectNodeCommand(g *global) *cobra.Command {
	var flags inspectFlags
	return flags.bind(&cobra.Command{
		Use: "node NAME", Short: "List the containers, tasks, images, snapshots and leases of a node's containerd", Args: cobra.ExactArgs(1),
		Example: `  # What containerd has on node-1, and how often the kubelet called it
  kubarium inspect node node-1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := g.client().InspectNode(cmd.Context(), args[0], flags.watch, func(n inspect.Node) error {
				return showFound(cmd.OutOrStdout(), flags, n)
			})
			return g.inspected(err)
		},
	})
}

func newInspectContainerCommand(g *global) *cobra.Command {
	var flags inspectFlags
	var namespace, container string
	cmd := flags.bind(&cobra.Command{
		Use: "container POD", Aliases: []string{"pod"}, Short: "Show the Linux side of a pod's container", Args: cobra.ExactArgs(1),
		Long: `Show a container as Linux has it: its processes and their numbers in each PID namespace,
its namespaces and with whom it shares them, its cgroups with the files that say most, its
capabilities, seccomp, mounts and layers.`,
		Example: `  # The first container of pod web
  kubarium inspect container web

  # Another one, for programs
  kubarium inspect container web -n shop -c sidecar -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := g.client().InspectContainer(cmd.Context(), namespace, args[0], container, flags.watch, func(c inspect.Container) error {
				return showFound(cmd.OutOrStdout(), flags, c)
			})
			return g.inspected(err)
		},
	})
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "the pod's namespace")
	cmd.Flags().StringVarP(&container, "container", "c", "", "the container; without it, the pod's first")
	return cmd
}

// texter writes itself for people.
type texter interface{ WriteText(w io.Writer) error }

// showFound prints what was found: as text, or as JSON, which is one line each while watching.
func showFound(w io.Writer, flags inspectFlags, found texter) error {
	switch {
	case flags.asJSON && flags.watch:
		return json.NewEncoder(w).Encode(found)
	case flags.asJSON:
		return printJSON(w, found)
	}
	if err := found.WriteText(w); err != nil {
		return err
	}
	if flags.watch {
		fmt.Fprintln(w, "---")
	}
	return nil
}

// inspected is the error of an inspection; the end of a watch by Ctrl-C is none.
func (g *global) inspected(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return g.explain(err)
}
