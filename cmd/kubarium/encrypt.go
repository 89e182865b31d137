package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newEncryptSecretsCommand(g *global) *cobra.Command {
	var off bool
	cmd := &cobra.Command{
		Use:   "encrypt-secrets",
		Short: "Have Secrets encrypted in etcd, or no longer (--off)",
		Long: `Have the API server keep Secrets encrypted in etcd, with a key that it makes in
the cluster's pki directory. The API server reads its configuration again, and all
Secrets are written anew. The cluster remembers it.

To see what is in etcd: kubarium etcd get /registry/secrets/NAMESPACE/NAME`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := g.client().EncryptSecrets(cmd.Context(), !off)
			if err != nil {
				return g.explain(err)
			}
			how := "encrypted in etcd"
			if !result.Encrypted {
				how = "not encrypted in etcd"
			}
			if !result.Changed {
				fmt.Fprintf(cmd.OutOrStdout(), "Secrets are %s already\n", how)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Secrets are %s: the API server has read its configuration, and wrote %d of them anew\n", how, result.Rewritten)
			return nil
		},
	}
	cmd.Flags().BoolVar(&off, "off", false, "no longer encrypt them")
	return cmd
}
