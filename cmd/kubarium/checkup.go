package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster/checkup"
	"kubarium/cluster/component"
	"kubarium/cluster/control"
	"kubarium/cluster/loadbalancer"
	"kubarium/cluster/metrics"
	"kubarium/cluster/node"
	"kubarium/cluster/storage"
)

// silent is an error of which everything is told already.
type silent struct{ error }

// ExitCode makes the program end without a word.
func (silent) ExitCode() int { return 1 }

// checkCluster tests the running cluster's services, and prints how each fares.
func checkCluster(cmd *cobra.Command, g *global) error {
	info, err := g.client().Info(cmd.Context())
	if err != nil {
		return g.explain(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", info.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	has := map[string]bool{}
	for _, c := range info.Components {
		has[c.Name] = true
	}
	results, err := checkup.Run(cmd.Context(), checkup.Options{
		Config:       config,
		Unready:      func(ctx context.Context) ([]string, error) { return unready(ctx, g.client()) },
		LoadBalancer: has[loadbalancer.Name], Ingress: has["traefik"], Metrics: has[metrics.Name],
		Storage: has[storage.Name], NetworkPolicy: has[node.RoleNetworkPolicy],
	})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "CHECK\tTESTED BY\tRESULT\tTIME\tFOUND")
	failed := 0
	for _, r := range results {
		result, found := "ok", ""
		if r.Err != nil {
			result, found = "failed", oneLine(r.Err.Error())
			failed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f s\t%s\n", r.What, r.How, result, r.Took.Seconds(), found)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "\n%d passed, %d failed\n", len(results)-failed, failed)
	if failed > 0 {
		return silent{fmt.Errorf("%d checks failed", failed)}
	}
	return nil
}

// unready lists the components that are to be ready, and are not. Who was stopped on
// purpose is among them: its service is not there.
func unready(ctx context.Context, client *control.Client) ([]string, error) {
	info, err := client.Info(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range info.Components {
		if c.State != component.Ready {
			names = append(names, oneLine(fmt.Sprintf("%s is %s %s", c.Name, c.State, c.Message)))
		}
	}
	return names, nil
}
