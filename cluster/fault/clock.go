package fault

import (
	"context"
	"fmt"
)

// FastClock is the one of the catalogue that breaks nothing: it has Kubernetes wait for
// less long.
const FastClock = "fast-clock"

// WholeCluster is the target of what concerns all of it.
const WholeCluster = "cluster"

func speedUp(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	if o.Target != WholeCluster {
		return nil, fmt.Errorf("%q: the clock is that of the whole cluster: %s %s", o.Target, FastClock, WholeCluster)
	}
	if err := w.SetClock(ctx, true); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return w.SetClock(ctx, false) }, nil
}
