package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newGlossaryCommand() *cobra.Command {
	wanted := &courseFlags{}
	cmd := &cobra.Command{
		Use: "glossary [WORD]", Short: "Explain the words of Kubernetes", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := wanted.load(cmd.Context())
			if err != nil {
				return err
			}
			word := strings.Join(args, " ")
			found := all.Look(word)
			if len(found) == 0 {
				return fmt.Errorf("the glossary has no %q: see all with 'kubarium glossary'", word)
			}
			for _, t := range found {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n    %s\n", t.Term, strings.TrimSpace(t.Means))
				if l := all.TaughtBy(t.Concept); l != nil {
					fmt.Fprintf(cmd.OutOrStdout(), "    Lesson: %s (%s)\n", l.Title, l.ID)
				}
			}
			return nil
		},
	}
	wanted.bind(cmd.Flags())
	return cmd
}
