package play

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/cluster/component"
	"kubarium/lessons"
)

// nodePatience is how long a node may take to be Ready on a busy machine.
const nodePatience = 3 * patience

// ensure makes the cluster what the lesson needs, or says what it lacks.
func (p *Player) ensure(ctx context.Context) error {
	if err := p.ensureNodes(ctx); err != nil {
		return err
	}
	return p.ensureClock(ctx)
}

// ensureNodes starts nodes that are off, and adds those that are missing.
func (p *Player) ensureNodes(ctx context.Context) error {
	want := p.lesson.Cluster.Nodes
	if want == 0 || p.readyNodes(ctx) >= want {
		return nil
	}
	if p.env.Control == nil {
		return fmt.Errorf("this lesson needs %d nodes that are Ready, and the cluster has %d: add some", want, p.readyNodes(ctx))
	}
	for _, name := range p.nodes(ctx) {
		if state := p.componentState(ctx, name); state == string(component.Stopped) || state == string(component.Failed) {
			if err := p.fault(ctx, "node", name, "start"); err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
		}
	}
	for known := p.nodes(ctx); len(known) < want; {
		if err := p.line(ctx, "kubarium node add", false); err != nil {
			return fmt.Errorf("this lesson needs %d nodes, and the cluster has %d: %w", want, len(known), err)
		}
		waiting, cancel := context.WithTimeout(ctx, nodePatience)
		var added []string
		err := p.wait(waiting, func() bool {
			added = slices.DeleteFunc(p.nodeNames(), func(n string) bool { return slices.Contains(known, n) })
			return len(added) > 0
		})
		cancel()
		if err != nil {
			return errors.New("a node was added and does not appear: 'kubarium node ls' tells how it fares")
		}
		known = append(known, added...)
		p.do(func() {
			p.record.Nodes = append(p.record.Nodes, added...)
			p.save()
		})
	}
	waiting, cancel := context.WithTimeout(ctx, nodePatience)
	defer cancel()
	if err := p.wait(waiting, func() bool { return p.countReady() >= want }); err != nil {
		return fmt.Errorf("this lesson needs %d nodes that are Ready, and only %d are: see 'kubectl get nodes'", want, p.readyNodes(ctx))
	}
	return nil
}

// nodes are the names of all nodes, asked on the loop.
func (p *Player) nodes(ctx context.Context) (names []string) {
	_ = p.wait(ctx, func() bool { names = p.nodeNames(); return true })
	return names
}

func (p *Player) nodeNames() []string {
	var names []string
	for _, o := range p.store.Objects(core("nodes")) {
		names = append(names, (&unstructured.Unstructured{Object: o}).GetName())
	}
	return names
}

func (p *Player) readyNodes(ctx context.Context) (n int) {
	_ = p.wait(ctx, func() bool { n = p.countReady(); return true })
	return n
}

func (p *Player) countReady() int {
	return len(slices.DeleteFunc(p.store.Objects(core("nodes")), func(o map[string]any) bool { return !lessons.Ready(o) || closed(o) }))
}

// closed reports whether a node still has a taint of what is over: one that was just started or opened keeps it for
// a moment, in which no pod goes there.
func closed(node map[string]any) bool {
	o := unstructured.Unstructured{Object: node}
	taints, _, _ := unstructured.NestedSlice(o.Object, "spec", "taints")
	cordoned, _, _ := unstructured.NestedBool(o.Object, "spec", "unschedulable")
	return slices.ContainsFunc(taints, func(taint any) bool {
		fields, _ := taint.(map[string]any)
		key, _ := fields["key"].(string)
		return strings.HasPrefix(key, "node.kubernetes.io/") && !(key == "node.kubernetes.io/unschedulable" && cordoned)
	})
}

// ensureClock shortens Kubernetes' timers, or gives them production's values.
func (p *Player) ensureClock(ctx context.Context) error {
	want := p.lesson.Cluster.Clock
	if want == "" {
		return nil
	}
	is, err := p.clockNow(ctx)
	if err != nil || is == want {
		return err
	}
	if err := p.line(ctx, "kubarium clock "+string(want), false); err != nil {
		return fmt.Errorf("this lesson needs the %s clock: %w", want, err)
	}
	p.do(func() {
		p.record.Clock = is
		p.save()
	})
	return nil
}

func (p *Player) clockNow(ctx context.Context) (lessons.Clock, error) {
	exit, output, err := p.kubectl(ctx, "kubarium clock -o json")
	if err == nil && exit != 0 {
		err = errors.New(output)
	}
	if err != nil {
		return "", fmt.Errorf("ask for the clock: %w", err)
	}
	var clock struct{ Fast bool }
	if err := json.Unmarshal([]byte(output), &clock); err != nil {
		return "", fmt.Errorf("ask for the clock: %w", err)
	}
	if clock.Fast {
		return lessons.Fast, nil
	}
	return lessons.Normal, nil
}

// giveBack takes back what was done to the cluster for the lesson.
func (p *Player) giveBack(ctx context.Context) error {
	var nodes []string
	var clock lessons.Clock
	if err := p.wait(ctx, func() bool { nodes, clock = slices.Clone(p.record.Nodes), p.record.Clock; return true }); err != nil {
		return err
	}
	var errs []error
	for _, name := range nodes {
		errs = append(errs, p.line(ctx, "kubarium node rm "+name, false))
	}
	if clock != "" {
		errs = append(errs, p.line(ctx, "kubarium clock "+string(clock), false))
	}
	p.do(func() {
		p.record.Nodes, p.record.Clock = nil, ""
		p.save()
	})
	return errors.Join(errs...)
}

// fromBase brings the namespace to the end of the lesson with which this one begins: to
// its snapshot, or, where there is none or it does not fit any more, by playing it.
func (p *Player) fromBase(ctx context.Context) error {
	base := p.lesson.Base
	eval, err := lessons.NewEval(base, p.store)
	if err != nil {
		return fmt.Errorf("expressions of lesson %s: %w", base.ID, err)
	}
	if err := p.wait(ctx, func() bool { p.watch(base); return true }); err != nil {
		return err
	}
	if err := p.wait(ctx, func() bool { return p.store.synced(p.watched) }); err != nil {
		return err
	}
	on := stage{p, base, eval}
	if err := on.placeFiles(true); err != nil {
		return err
	}
	name := snapshotOf(base)
	if on.restore(ctx, name) == nil {
		return nil
	}
	// What a restoring in vain left is in the way.
	if err := p.deleteNamespace(ctx); err != nil {
		return err
	}
	if err := p.makeNamespace(ctx); err != nil {
		return err
	}
	if err := on.act(ctx, base.Setup); err != nil {
		return err
	}
	if err := on.playTo(ctx, nil); err != nil {
		return fmt.Errorf("the end of the lesson %s: %w", base.ID, err)
	}
	// Without a snapshot it is played again the next time: that is no reason to stop here.
	_ = p.line(ctx, "kubarium snapshot rm "+name, true)
	_ = p.line(ctx, "kubarium snapshot save "+name, true)
	return nil
}

// restore brings the namespace back, and waits until all is as the lesson left it.
func (p stage) restore(ctx context.Context, name string) error {
	if err := p.line(ctx, "kubarium snapshot restore "+name+" --namespace "+p.lesson.Space(), false); err != nil {
		return err
	}
	if err := p.makeNamespace(ctx); err != nil {
		return err
	}
	// What an earlier step wanted need not be so at the end.
	for i := range slices.Backward(p.lesson.Steps) {
		if step := &p.lesson.Steps[i]; len(step.Checks) > 0 {
			return p.settle(ctx, step)
		}
	}
	return nil
}

// snapshotOf is the name of the snapshot of a lesson's end. Another text has another one.
func snapshotOf(l *lessons.Lesson) string {
	sum := fnv.New32a()
	// A sum takes all that is written to it.
	_, _ = sum.Write([]byte(l.Text()))
	return fmt.Sprintf("lesson-%s-%08x", l.ID, sum.Sum32())
}
