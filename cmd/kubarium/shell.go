package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"kubarium/cluster"
	"kubarium/cluster/shell"
)

// rootsShell is said to root, who has all rights in a shell that is meant to have few.
const rootsShell = "This shell is root's: nobody else is known to have become root. Start kubarium by sudo as yourself, and it is yours."

func newShellCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "shell [-- COMMAND [ARGUMENTS...]]", Short: "Open a shell inside the cluster's network",
		Long: `Open your own shell, as yourself, in the cluster's network: the addresses of pods, nodes,
services and load balancers answer, the cluster's names resolve, and kubectl (with
completion, and k for short) speaks to the cluster. Your files and programs are the ones
you have. What listens on this machine's localhost is not reached from inside.`,
		Example: `  # Look around
  sudo kubarium shell

  # Ask a service by its name
  sudo kubarium shell -- curl -s http://web.default.svc`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needRoot(cmd, "to enter the cluster's network"); err != nil {
				return err
			}
			user, err := cluster.FindInvoker()
			if err != nil {
				return err
			}
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find own program: %w", err)
			}
			note := ""
			if user.UID == 0 && len(args) == 0 {
				note = rootsShell
			}
			return g.explain(shell.Run(cmd.Context(), shell.Options{
				Client: g.client(), User: user, Args: args, Note: note, Dir: g.layout().Shell(), Kubeconfig: g.layout().Kubeconfig(),
				Program: program, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			}))
		},
	}
	// What comes after the program's name is the program's.
	cmd.Flags().SetInterspersed(false)
	return cmd
}
