package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster"
	"kubarium/cluster/component"
)

// stopLimit bounds an orderly end.
const stopLimit = 30 * time.Second

func newUpCommand(g *global) *cobra.Command {
	start := startFlags{}
	var output string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster without the app, and stay until stopped",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("output format %q: use text or json", output)
			}
			if err := needRoot(cmd, whyRoot); err != nil {
				return err
			}
			return runUp(cmd, g, start, output)
		},
	}
	start.bind(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the boot report: text or json")
	return cmd
}

func runUp(cmd *cobra.Command, g *global, start startFlags, output string) (err error) {
	c, err := cluster.New(start.options(g))
	if err != nil {
		return err
	}
	restore, err := divertStderr(g.layout())
	if err != nil {
		return err
	}
	defer restore()
	ctx, cancel := c.Context(cmd.Context())
	defer cancel()
	defer func() { err = errors.Join(err, stopCluster(c)) }()
	begin := time.Now()
	ready, reported := make(chan struct{}), make(chan struct{})
	if output == "text" {
		go report(cmd.OutOrStdout(), c.Watch(ctx), begin, ready, reported)
	}
	if err := c.Start(ctx); err != nil {
		return ignoreStop(ctx, err)
	}
	if err := c.Ready(ctx); err != nil {
		return ignoreStop(ctx, err)
	}
	took := time.Since(begin)
	if output == "json" {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(c.Info()); err != nil {
			return err
		}
	} else {
		close(ready)
		select {
		case <-reported:
		case <-ctx.Done():
			return nil
		}
		for _, note := range c.Notes() {
			fmt.Fprintln(cmd.OutOrStdout(), "\n"+note)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "\nThe cluster is ready after %.1f s. In another terminal:\n\n  eval \"$(kubarium env%s)\"\n  kubectl get nodes        (or: kubarium kubectl%s get nodes)\n\nCtrl-C stops it; its state is kept.\n",
			took.Seconds(), g.nameFlag(), g.nameFlag())
	}
	<-ctx.Done()
	if output == "text" && stdoutIsTerminal() {
		fmt.Fprintln(cmd.OutOrStdout(), "\nStopping the cluster; its state is kept. Ctrl-C again ends the program at once.")
	}
	return nil
}

func stopCluster(c *cluster.Cluster) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	return c.Stop(ctx)
}

// report prints a line when a component is ready, or has failed. It closes reported when
// it has printed all that came before ready.
func report(out io.Writer, changes <-chan component.Info, begin time.Time, ready <-chan struct{}, reported chan<- struct{}) {
	for {
		select {
		case info, open := <-changes:
			if !open {
				return
			}
			reportOne(out, info, begin)
		case <-ready:
			for len(changes) > 0 {
				reportOne(out, <-changes, begin)
			}
			close(reported)
			ready = nil
		}
	}
}

func reportOne(out io.Writer, info component.Info, begin time.Time) {
	switch info.State {
	case component.Ready:
		fmt.Fprintf(out, "%6.2f s  %-24s ready   %s\n", time.Since(begin).Seconds(), info.Name, info.Purpose)
	case component.Failed:
		fmt.Fprintf(out, "%6.2f s  %-24s failed  %s\n", time.Since(begin).Seconds(), info.Name, info.Message)
	}
}

// ignoreStop makes the end of the context, which the user asked for, no error. While the
// context lasts, "canceled" tells only that a part was ended because another failed.
func ignoreStop(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func newDownCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster that runs in another terminal; its state is kept",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.client().Shutdown(cmd.Context()); err != nil {
				return g.explain(err)
			}
			return g.layout().AwaitEnd(cmd.Context(), stopLimit+10*time.Second)
		},
	}
}
