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
		Use: "inspect", Short: "Look inside a node: its containerd, a container's Linux side, a Service's packet rules, a packet's way",
		Long: `Look at what is really there inside of the nodes. All of it is read at that moment, from
containerd, the kernel and its files; nothing is remembered or inferred.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newInspectNodeCommand(g), newInspectContainerCommand(g), newInspectServiceCommand(g), newInspectPathCommand(g))
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

func newInspectServiceCommand(g *global) *cobra.Command {
	var flags inspectFlags
	var namespace, node string
	cmd := flags.bind(&cobra.Command{
		Use: "service NAME", Aliases: []string{"svc"}, Short: "Show the packet rules of a Service as a tree", Args: cobra.ExactArgs(1),
		Long: `Show how a node's packet rules treat a Service: from the map that knows its addresses,
through kube-proxy's chains, to the pods. Rules are in nft's words. Each destination has
the connections that the node's kernel tracks to it now, and their packets.`,
		Example: `  # As it is on the first node, and again at each change of rules or connections
  kubarium inspect service web -w

  # On another node
  kubarium inspect service kube-dns -n kube-system --node node-2`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := g.client().InspectService(cmd.Context(), namespace, args[0], node, flags.watch, func(s inspect.Service) error {
				return showFound(cmd.OutOrStdout(), flags, s)
			})
			return g.inspected(err)
		},
	})
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "the Service's namespace")
	cmd.Flags().StringVar(&node, "node", "", "the node whose rules are shown; without it, the first that runs")
	return cmd
}

func newInspectPathCommand(g *global) *cobra.Command {
	var flags inspectFlags
	var namespace string
	cmd := &cobra.Command{
		Use: "path SENDER DESTINATION", Short: "Send a packet, and draw its way hop by hop", Args: cobra.ExactArgs(2),
		Long: `Opens a TCP connection, or sends a UDP datagram, and draws where the first packet and the
answer were seen: at which interfaces, with which addresses, and which packet rules of the
nodes they met. Nothing is computed: packets are captured, and the kernel tells the rules.

SENDER is a pod, node/NAME, or outside: this machine, whose packets come to a Service by its
node port. A pod on the network of its node sends as the node does.
DESTINATION is svc/NAME[.NAMESPACE][:PORT], pod/NAME[:PORT] or ADDRESS:PORT, with /udp behind
the port for a datagram: a question to port 53, some text to others.`,
		Example: `  kubarium inspect path client svc/web:80
  kubarium inspect path client pod/web-0:8080 -n shop -o json
  kubarium inspect path client svc/kube-dns.kube-system:53/udp
  kubarium inspect path outside svc/web`,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := g.client().InspectPath(cmd.Context(), namespace, args[0], args[1])
			if err != nil {
				return g.explain(err)
			}
			return showFound(cmd.OutOrStdout(), flags, found)
		},
	}
	bindOutput(cmd, &flags.asJSON)
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "the namespace of the pod that sends, and of the destination")
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
