package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
)

func newImageCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "List the cluster's images, and load more", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(
		&cobra.Command{
			Use: "ls", Aliases: []string{"list"}, Short: "List the images that nodes can pull without the internet", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				images, err := g.client().Images(cmd.Context())
				if err != nil {
					return g.explain(err)
				}
				table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
				fmt.Fprintln(table, "IMAGE\tSIZE\tDIGEST\tBUNDLED")
				for _, image := range images {
					size := resource.NewQuantity(image.Size>>20<<20, resource.BinarySI)
					fmt.Fprintf(table, "%s\t%s\t%.19s\t%t\n", image.Name, size, image.Digest, image.Bundled)
				}
				return table.Flush()
			},
		},
		&cobra.Command{
			Use: "load FILE", Short: "Load the images of an archive (docker save, or OCI); - is standard input", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				archive := io.NopCloser(cmd.InOrStdin())
				if args[0] != "-" {
					file, err := os.Open(args[0])
					if err != nil {
						return fmt.Errorf("open archive: %w", err)
					}
					archive = file
				}
				defer archive.Close()
				names, err := g.client().LoadImages(cmd.Context(), archive)
				if err != nil {
					return g.explain(err)
				}
				for _, name := range names {
					fmt.Fprintf(cmd.OutOrStdout(), "image/%s loaded\n", name)
				}
				return nil
			},
		},
	)
	return cmd
}
