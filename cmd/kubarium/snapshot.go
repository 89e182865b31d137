package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/duration"

	"kubarium/cluster/control"
	"kubarium/cluster/printable"
	"kubarium/cluster/rewind"
	"kubarium/cluster/stored"
)

func newSnapshotCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "snapshot", Short: "Save the cluster's state, and bring it back", Args: cobra.NoArgs, RunE: showHelp,
		Long: `Save the state of all objects, and bring the cluster back to it: deleted objects return with
their UIDs, new ones go, changed ones are what they were. Pods that have to run again start
anew. What is in volumes, in images and inside containers is not part of it, nor which
nodes there are.`,
		Example: `  sudo kubarium snapshot save before-the-experiment
  sudo kubarium snapshot restore before-the-experiment`,
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "save [NAME]", Short: "Save the state of all objects", Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := g.client().SaveSnapshot(cmd.Context(), strings.Join(args, ""))
				if err != nil {
					return g.explain(err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "snapshot/%s saved (%d objects)\n", s.Name, s.Keys)
				return nil
			},
		},
		newSnapshotRestoreCommand(g),
		&cobra.Command{
			Use: "list", Aliases: []string{"ls"}, Short: "List snapshots, oldest first", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return g.listSnapshots(cmd) },
		},
		&cobra.Command{
			Use: "rm NAME...", Short: "Delete snapshots", Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				for _, name := range args {
					if err := g.client().RemoveSnapshot(cmd.Context(), name); err != nil {
						return g.explain(err)
					}
					fmt.Fprintf(cmd.OutOrStdout(), "snapshot/%s removed\n", name)
				}
				return nil
			},
		},
		newSnapshotDiffCommand(g),
	)
	return cmd
}

func newSnapshotRestoreCommand(g *global) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use: "restore NAME", Short: "Bring the cluster back to a snapshot, or one namespace of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := g.client().RestoreSnapshot(cmd.Context(), args[0], namespace)
			if err != nil {
				return g.explain(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "snapshot/%s restored: %s\n", args[0], tellRewound(result))
			return nil
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "bring back only this namespace; all else stays as it is")
	return cmd
}

func newSnapshotDiffCommand(g *global) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "diff FROM [TO]", Short: "Tell what changed between two points", Args: cobra.RangeArgs(1, 2),
		Long: `Tell what changed between two points: snapshots, revisions of etcd ('kubarium undo --list'
and 'kubarium trace' name some), or now, which is what TO is unless given. Of revisions the
last five to ten minutes are kept.`,
		Example: `  kubarium snapshot diff before-the-experiment
  kubarium snapshot diff 1234 1250`,
		RunE: func(cmd *cobra.Command, args []string) error {
			to := rewind.Now
			if len(args) > 1 {
				to = args[1]
			}
			list, err := g.client().CompareStates(cmd.Context(), args[0], to)
			if err != nil {
				return g.explain(err)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			}
			tellDifferences(cmd.OutOrStdout(), list)
			return nil
		},
	}
	bindOutput(cmd, &asJSON)
	return cmd
}

func tellDifferences(out io.Writer, list []rewind.Difference) {
	if len(list) == 0 {
		fmt.Fprintln(out, "nothing differs")
	}
	for _, d := range list {
		fmt.Fprintln(out, d.Verb, printable.Line(strings.TrimPrefix(d.Key, stored.Prefix)))
		for _, change := range d.Changes {
			fmt.Fprintln(out, "  "+printable.Line(change))
		}
		if d.Trouble != "" {
			fmt.Fprintln(out, "  "+printable.Line(d.Trouble))
		}
	}
}

func (g *global) listSnapshots(cmd *cobra.Command) error {
	list, err := g.client().Snapshots(cmd.Context())
	if err != nil {
		return g.explain(err)
	}
	if len(list) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "There are no snapshots: 'kubarium snapshot save' makes one.")
		return nil
	}
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
	fmt.Fprintln(out, "NAME\tOBJECTS\tREVISION\tSIZE\tAGE")
	for _, s := range list {
		size := resource.NewQuantity(s.Size/1024*1024, resource.BinarySI)
		fmt.Fprintf(out, "%s\t%d\t%d\t%s\t%s\n", s.Name, s.Keys, s.Revision, size, duration.HumanDuration(time.Since(s.Created)))
	}
	return out.Flush()
}

func newUndoCommand(g *global) *cobra.Command {
	var list, show bool
	cmd := &cobra.Command{
		Use: "undo", Short: "Take your last change to the cluster back", Args: cobra.NoArgs,
		Long: `Take your last change to the cluster back, and all that came of it: the state of all objects
is again what it was before. Each further undo takes back the change before. Changes are
what you did by kubectl, the app or other programs as the cluster's administrator, in about
the last five to ten minutes.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list && show {
				return errors.New("say --list or --show, not both")
			}
			if list {
				return g.listChanges(cmd)
			}
			if show {
				return g.showUndo(cmd)
			}
			result, err := g.client().Undo(cmd.Context())
			if err != nil {
				return g.explain(err)
			}
			tellChange(cmd.OutOrStdout(), "undone", result)
			return nil
		},
	}
	cmd.Flags().BoolVar(&show, "show", false, "tell what it would change instead")
	cmd.Flags().BoolVar(&list, "list", false, "list your changes instead, newest last")
	return cmd
}

func newRedoCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "redo", Short: "Take the last undo back", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := g.client().Redo(cmd.Context())
			if err != nil {
				return g.explain(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "done again:", tellRewound(result))
			return nil
		},
	}
}

func tellChange(out io.Writer, verb string, result control.Rewound) {
	for _, what := range result.Change.What {
		fmt.Fprintf(out, "%s: %s\n", verb, what)
	}
	fmt.Fprintln(out, tellRewound(result))
}

func tellRewound(r control.Rewound) string {
	if r.Revision == 0 {
		return "nothing differed"
	}
	return fmt.Sprintf("%d objects written, %d deleted, in %.1f s", r.Written, r.Deleted, r.Took.Seconds())
}

// showUndo tells what the next undo does: from now to before the user's last change.
func (g *global) showUndo(cmd *cobra.Command) error {
	changes, err := g.client().Changes(cmd.Context())
	if err != nil {
		return g.explain(err)
	}
	for _, c := range slices.Backward(changes) {
		if c.Undone {
			continue
		}
		list, err := g.client().CompareStates(cmd.Context(), rewind.Now, strconv.FormatInt(c.First-1, 10))
		if err != nil {
			return g.explain(err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "would undo: %s\n", strings.Join(c.What, "; "))
		tellDifferences(cmd.OutOrStdout(), list)
		return nil
	}
	return errors.New("there is no change of yours to take back")
}

func (g *global) listChanges(cmd *cobra.Command) error {
	changes, err := g.client().Changes(cmd.Context())
	if err != nil {
		return g.explain(err)
	}
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
	fmt.Fprintln(out, "REVISION\tAGE\tUNDONE\tCHANGE")
	for _, c := range changes {
		fmt.Fprintf(out, "%d\t%s\t%t\t%s\n", c.First, duration.HumanDuration(time.Since(c.Time)), c.Undone, strings.Join(c.What, "; "))
	}
	return out.Flush()
}
