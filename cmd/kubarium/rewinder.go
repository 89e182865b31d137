package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"kubarium/cluster"
	"kubarium/cluster/control"
	"kubarium/cluster/rewind"
	"kubarium/ui"
	"kubarium/ui/history"
)

// rewinder lets the app bring the cluster back.
type rewinder struct{ cluster *cluster.Cluster }

var _ ui.Rewinder = rewinder{}

// LastChange implements ui.Rewinder.
func (r rewinder) LastChange() (string, time.Time, bool) {
	change, ok := r.cluster.LastChange()
	what := strings.Join(change.What, "\n")
	if change.Command != "" {
		what = change.Command + ":\n" + what
	}
	return what, change.Time, ok
}

// Undo implements ui.Rewinder.
func (r rewinder) Undo(ctx context.Context) (string, error) { return told(r.cluster.Undo(ctx)) }

// Redo implements ui.Rewinder.
func (r rewinder) Redo(ctx context.Context) (string, error) { return told(r.cluster.Redo(ctx)) }

// To implements ui.Rewinder.
func (r rewinder) To(ctx context.Context, revision int64) (string, error) {
	return told(r.cluster.RestoreRevision(ctx, revision))
}

// Before implements ui.Rewinder.
func (r rewinder) Before(ctx context.Context, revision int64) ([]history.Moment, error) {
	writes, err := r.cluster.Writes(ctx, revision)
	var list []history.Moment
	for _, w := range writes {
		list = history.Add(list, w.Revision, w.Time, w.Verb, w.Key)
	}
	return list, err
}

// Since implements ui.Rewinder.
func (r rewinder) Since(ctx context.Context, revision int64) (string, error) {
	list, err := r.cluster.CompareStates(ctx, strconv.FormatInt(revision, 10), rewind.Now)
	if err != nil || len(list) == 0 {
		return "", err
	}
	var text strings.Builder
	tellDifferences(&text, list)
	return text.String(), nil
}

func told(result control.Rewound, err error) (string, error) { return tellRewound(result), err }
