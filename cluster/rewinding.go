package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	"k8s.io/component-base/version"

	"kubarium/cluster/component"
	"kubarium/cluster/control"
	"kubarium/cluster/rewind"
)

// errNothingToUndo is returned when the user changed nothing that is still known.
var errNothingToUndo = errors.New("there is no change of yours to take back: changes are known since the cluster's start, the last some thousand events")

// errNothingToRedo is returned when nothing was undone, or something was changed since.
var errNothingToRedo = errors.New("there is nothing to do again: nothing was undone, or you have changed something since")

func (c *Cluster) snapshots() rewind.Dir { return rewind.Dir(c.layout.Snapshots()) }

// SaveSnapshot saves the cluster's state under a name; "" makes one of the time.
func (c *Cluster) SaveSnapshot(ctx context.Context, name string) (rewind.Snapshot, error) {
	// What is not there yet would be taken away when the cluster is brought back.
	if err := c.awaitAddons(ctx); err != nil {
		return rewind.Snapshot{}, err
	}
	now := time.Now()
	if name == "" {
		name = strings.ToLower(now.UTC().Format("20060102-150405"))
	}
	var saved rewind.Snapshot
	err := c.withEtcd(func(etcd *clientv3.Client) error {
		state, err := rewind.ReadState(ctx, etcd, 0)
		if err != nil {
			return err
		}
		saved, err = c.snapshots().Save(rewind.Snapshot{Name: name, Created: now, Version: version.Get().GitVersion}, state)
		return err
	})
	return saved, err
}

// ListSnapshots lists what was saved.
func (c *Cluster) ListSnapshots() ([]rewind.Snapshot, error) { return c.snapshots().List() }

// RemoveSnapshot deletes one.
func (c *Cluster) RemoveSnapshot(name string) error { return c.snapshots().Remove(name) }

// RestoreSnapshot brings the cluster back to what was saved, or only one namespace of it.
func (c *Cluster) RestoreSnapshot(ctx context.Context, name, namespace string) (control.Rewound, error) {
	snapshot, state, err := c.snapshots().Load(name)
	if err != nil {
		return control.Rewound{}, err
	}
	if is := version.Get().GitVersion; snapshot.Version != is {
		return control.Rewound{}, fmt.Errorf("snapshot %q was saved by Kubernetes %s, and this is %s: objects may be stored in another form", name, snapshot.Version, is)
	}
	state.Only = namespace
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	return c.bringBack(ctx, "restore snapshot "+name, func(clientv3.KV) (rewind.State, error) { return state, nil })
}

// marksKept bounds the states that are kept in memory: each has all that is in etcd.
const marksKept = 3

// mark is a state to come back to.
type mark struct {
	name  string
	state rewind.State
}

// Mark keeps the state of now under a name, in place of one that had it.
func (c *Cluster) Mark(ctx context.Context, name string) error {
	var state rewind.State
	err := c.withEtcd(func(etcd *clientv3.Client) (err error) {
		state, err = rewind.ReadState(ctx, etcd, 0)
		return err
	})
	if err != nil {
		return err
	}
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	c.marks = append(slices.DeleteFunc(c.marks, func(m mark) bool { return m.name == name }), mark{name, state})
	c.marks = slices.Clone(c.marks[max(0, len(c.marks)-marksKept):])
	return nil
}

// ReturnTo brings the cluster back to a state that Mark kept, or only one namespace of it.
func (c *Cluster) ReturnTo(ctx context.Context, name, namespace string) (control.Rewound, error) {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	at := slices.IndexFunc(c.marks, func(m mark) bool { return m.name == name })
	if at < 0 {
		return control.Rewound{}, fmt.Errorf("no state is kept under %q", name)
	}
	state := c.marks[at].state
	state.Only = namespace
	return c.bringBack(ctx, "return to "+name, func(clientv3.KV) (rewind.State, error) { return state, nil })
}

// CompareStates tells what changed between two points. Each is a snapshot's name, a revision
// that etcd still has, or "now".
func (c *Cluster) CompareStates(ctx context.Context, from, to string) ([]rewind.Difference, error) {
	var differences []rewind.Difference
	err := c.withEtcd(func(etcd *clientv3.Client) error {
		before, err := c.point(ctx, etcd, from)
		if err != nil {
			return err
		}
		after, err := c.point(ctx, etcd, to)
		if err != nil {
			return err
		}
		differences = rewind.Compare(before, after)
		return nil
	})
	return differences, err
}

// Writes are those that etcd still knows of before a revision; before 0 is all.
func (c *Cluster) Writes(ctx context.Context, before int64) ([]rewind.Write, error) {
	var list []rewind.Write
	err := c.withEtcd(func(etcd *clientv3.Client) (err error) {
		list, err = rewind.Writes(ctx, etcd, before)
		return err
	})
	return list, err
}

// point reads a state that somebody named. The name of a snapshot may be a number.
func (c *Cluster) point(ctx context.Context, etcd clientv3.KV, name string) (rewind.State, error) {
	if name == rewind.Now {
		return rewind.ReadState(ctx, etcd, 0)
	}
	_, state, err := c.snapshots().Load(name)
	if revision, bad := strconv.ParseInt(name, 10, 64); err != nil && bad == nil && revision > 0 {
		return rewind.ReadState(ctx, etcd, revision)
	}
	return state, err
}

// Changes lists what the user did, oldest first.
func (c *Cluster) Changes() []rewind.Change {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	return c.timeline.Mark(rewind.Changes(c.trace))
}

// Undo takes the user's last change back, and all that came of it.
func (c *Cluster) Undo(ctx context.Context) (control.Rewound, error) {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	change, ok := c.timeline.ToUndo(rewind.Changes(c.trace))
	if !ok {
		return control.Rewound{}, errNothingToUndo
	}
	result, err := c.rewindTo(ctx, c.stateAt(ctx, change.First-1))
	if err != nil {
		return result, err
	}
	c.timeline.Undid(change.First, result.Revision)
	result.Change = &change
	return result, nil
}

// Redo takes the last Undo back.
func (c *Cluster) Redo(ctx context.Context) (control.Rewound, error) {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	revision, ok := c.timeline.ToRedo(rewind.Changes(c.trace))
	if !ok {
		return control.Rewound{}, errNothingToRedo
	}
	result, err := c.rewindTo(ctx, c.stateAt(ctx, revision))
	if err == nil {
		c.timeline.Redid()
	}
	return result, err
}

// RestoreRevision brings the cluster to what it was at a revision that etcd still has.
func (c *Cluster) RestoreRevision(ctx context.Context, revision int64) (control.Rewound, error) {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	return c.bringBack(ctx, fmt.Sprintf("restore revision %d", revision), c.stateAt(ctx, revision))
}

// LastChange is what Undo would take back.
func (c *Cluster) LastChange() (rewind.Change, bool) {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	return c.timeline.ToUndo(rewind.Changes(c.trace))
}

func (c *Cluster) stateAt(ctx context.Context, revision int64) func(clientv3.KV) (rewind.State, error) {
	return func(etcd clientv3.KV) (rewind.State, error) { return rewind.ReadState(ctx, etcd, revision) }
}

// bringBack is rewindTo for what is one of the user's changes itself.
func (c *Cluster) bringBack(ctx context.Context, what string, read func(clientv3.KV) (rewind.State, error)) (control.Rewound, error) {
	result, err := c.rewindTo(ctx, read)
	if result.Revision > 0 {
		c.timeline.Rewound(what, time.Now(), result.Revision)
	}
	return result, err
}

// rewindTo brings the cluster to a state. Meanwhile those rest who would act on what is
// no longer so, and who remember what they saw: controllers and the scheduler.
func (c *Cluster) rewindTo(ctx context.Context, read func(clientv3.KV) (rewind.State, error)) (control.Rewound, error) {
	began := time.Now()
	var result control.Rewound
	err := c.withEtcd(func(etcd *clientv3.Client) error {
		state, err := read(etcd)
		if err != nil {
			return err
		}
		resume, err := c.rest(ctx, c.plane.ControllerManager.Name(), c.plane.Scheduler.Name())
		if err != nil {
			return errors.Join(err, resume(ctx))
		}
		plan, revision, err := rewind.Apply(ctx, etcd, state)
		result = control.Rewound{To: state.Revision, Revision: revision, Written: len(plan.Put), Deleted: len(plan.Delete)}
		return errors.Join(err, resume(ctx))
	})
	result.Took = time.Since(began)
	if err != nil {
		return result, fmt.Errorf("bring the cluster back: %w", err)
	}
	return result, nil
}

// rest stops those of the components that run, whether ctx ends or not, and returns what
// starts them again, side by side.
func (c *Cluster) rest(ctx context.Context, names ...string) (resume func(context.Context) error, err error) {
	var stopped []string
	resume = func(ctx context.Context) error {
		defer c.memory.Starting()()
		var errs []error
		var starting errgroup.Group
		for _, name := range slices.Backward(stopped) {
			part, err := c.startable(name)
			if err == nil {
				err = c.launch(ctx, part)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			starting.Go(func() error { return c.awaitReady(ctx, part) })
		}
		return errors.Join(append(errs, starting.Wait())...)
	}
	for _, name := range names {
		// One that still starts would act as well: the last rewind may have been cancelled.
		if info, _ := c.tracker.get(name); !slices.Contains([]component.State{component.Ready, component.Starting}, info.State) {
			continue
		}
		part, err := c.component(name)
		if err != nil {
			return resume, err
		}
		// Even one that does not stop in time is started again.
		stopped = append(stopped, name)
		if err := c.stopWhole(ctx, part); err != nil {
			return resume, err
		}
	}
	return resume, nil
}

func (c *Cluster) withEtcd(f func(*clientv3.Client) error) error {
	if c.plane == nil {
		return errors.New("the cluster is not started")
	}
	etcd, err := c.plane.Etcd.Client()
	if err != nil {
		return err
	}
	// It has no connection of its own; what its end says is that it ended.
	defer etcd.Close()
	return f(etcd)
}
