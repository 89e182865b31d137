package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster"
	"kubarium/cluster/doctor"
	"kubarium/cluster/support"
)

// supportLimit bounds what is asked of a cluster that may not answer.
const supportLimit = 20 * time.Second

func newSupportBundleCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "support-bundle [FILE]", Short: "Collect logs and states in one file, without secrets, to ask for help with", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			layout := g.layout()
			if _, err := os.Stat(layout.Root); err != nil {
				return fmt.Errorf("there is no cluster %q in %s", g.name, g.dataDir)
			}
			if err := needRoot(cmd, "it reads the logs, which are for root alone"); err != nil {
				return err
			}
			path := fmt.Sprintf("kubarium-%s-support.tar.gz", g.name)
			if len(args) == 1 {
				path = args[0]
			}
			// What is there is not overwritten: a link of somebody else's might be.
			file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s exists already: name another file", path)
			}
			if err != nil {
				return fmt.Errorf("make bundle: %w", err)
			}
			invoker, err := cluster.FindInvoker()
			if err == nil {
				err = file.Chown(invoker.UID, invoker.GID)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), supportLimit)
			defer cancel()
			if err = errors.Join(err, support.Write(ctx, file, layout.Logs(), g.supportSources()), file.Close()); err != nil {
				return errors.Join(err, os.Remove(path))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s written: logs, states and events; keys, tokens and Secrets are left out. Read it before you pass it on.\n", path)
			return nil
		},
	}
}

func (g *global) supportSources() []support.Source {
	return []support.Source{
		{Name: "versions.txt", Make: func(_ context.Context, to io.Writer) error {
			_, err := fmt.Fprintln(to, strings.Join(cluster.Versions(version), "\n"))
			return err
		}},
		{Name: "doctor.json", Make: func(_ context.Context, to io.Writer) error { return indented(to, doctor.Run(g.dataDir)) }},
		{Name: "components.json", Make: func(ctx context.Context, to io.Writer) error {
			info, err := g.client().Info(ctx)
			return errors.Join(err, indented(to, info))
		}},
		{Name: "process.json", Make: func(ctx context.Context, to io.Writer) error {
			held, err := g.client().Process(ctx)
			return errors.Join(err, indented(to, held))
		}},
		{Name: "goroutines.txt", Make: func(ctx context.Context, to io.Writer) error { return g.client().Profile(ctx, "goroutine", 1, to) }},
		{Name: "objects.txt", Make: g.describeObjects},
	}
}

func indented(to io.Writer, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// describeObjects lists nodes, pods and events. Their specs stay out: people put
// passwords there.
func (g *global) describeObjects(ctx context.Context, to io.Writer) error {
	config, err := clientcmd.BuildConfigFromFlags("", g.layout().Kubeconfig())
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		for _, c := range n.Status.Conditions {
			fmt.Fprintf(table, "node\t%s\t%s=%s\t%s\t%s\n", n.Name, c.Type, c.Status, c.Reason, c.Message)
		}
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		fmt.Fprintf(table, "pod\t%s/%s\t%s\t%s\t%s %s\n", p.Namespace, p.Name, p.Status.Phase, p.Spec.NodeName, p.Status.Reason, p.Status.Message)
	}
	events, err := client.CoreV1().Events("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, e := range events.Items {
		fmt.Fprintf(table, "event\t%s/%s/%s\t%s\t%s\t%s\n", e.InvolvedObject.Kind, e.InvolvedObject.Namespace, e.InvolvedObject.Name, e.Type, e.Reason, e.Message)
	}
	return table.Flush()
}
