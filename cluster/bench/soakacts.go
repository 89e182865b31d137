package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/rewind"
)

// between is a random time.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

func oneOf[T any](random *rand.Rand, these []T) T { return these[random.IntN(len(these))] }

// breakSomething injects one fault, and half of the times heals it; else it ends by itself,
// and others may lie upon it.
func (s *soak) breakSomething(ctx context.Context, random *rand.Rand) error {
	f := oneOf(random, fault.Catalogue())
	if len(s.next) > 0 {
		f, s.next = s.next[0], s.next[1:]
	}
	// All is chosen before anything is tried, so that the seed decides and not the answers.
	number, lasts, heals := random.Uint64(), between(random, 2*time.Second, 12*time.Second), random.IntN(2) == 0
	rest := between(random, time.Second, 5*time.Second)
	target, err := s.target(ctx, f, number)
	if err != nil {
		return err
	}
	order := fault.Order{Name: f.Name, Target: target, For: lasts.Round(time.Second)}
	if f.Once() {
		order.For = 0
	}
	_, err = s.control.InjectFault(ctx, order)
	s.tell("fault %s %s %s%s", order.Name, order.Target, order.For, trouble(err))
	s.count(err, func(r *Soak) { r.Faults[f.Name]++ })
	if err := pause(ctx, rest); err != nil {
		return err
	}
	if err == nil && heals && !f.Once() {
		_, err := s.control.HealFaults(ctx, order.Name, order.Target)
		s.tell("heal %s %s%s", order.Name, order.Target, trouble(err))
	}
	return nil
}

func trouble(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// target chooses what a fault is done to.
func (s *soak) target(ctx context.Context, f fault.Fault, number uint64) (string, error) {
	pick := func(these []string) string { return these[number%uint64(len(these))] }
	nodes := []string{"node-1", "node-2", "node-3"}
	switch f.Target {
	case "NODE":
		if f.Name == "disk-pressure" && s.disk != "" {
			return s.disk, nil
		}
		return pick(nodes), nil
	case "[NAMESPACE/]POD[/CONTAINER]":
		return s.pod(ctx, number), nil
	case "POD|NODE,POD|NODE":
		if number%2 == 0 {
			return pick(nodes) + "," + nodes[(number+1)%3], nil
		}
		return s.pod(ctx, number/2) + "," + pick(nodes), nil
	case "IMAGE|all":
		return pick([]string{webImage, "all"}), nil
	case "COMPONENT|NODE/DAEMON":
		return pick([]string{
			"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
			"node-1/kubelet", "node-2/containerd", "node-3/kube-proxy", "node-1/network-policy",
		}), nil
	case "etcd", fault.WholeCluster:
		return f.Target, nil
	case "NAME":
		return pick([]string{"kubernetes.default.svc.cluster.local", "soak.example"}), nil
	}
	return "", fmt.Errorf("nobody knows what to do %s to: %s", f.Name, f.Target)
}

// pod is one of those that come and go. Nobody may answer; then it is one that is not.
func (s *soak) pod(ctx context.Context, number uint64) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	list, err := s.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Running"})
	if err != nil || len(list.Items) == 0 {
		return "none"
	}
	return list.Items[number%uint64(len(list.Items))].Name
}

// holdSomething has requests wait, lets some of them through, and then all.
func (s *soak) holdSomething(ctx context.Context, random *rand.Rand) error {
	components := []string{"kube-scheduler", "kube-controller-manager", "kubelet", "node-1", "replicaset-controller", "deployment-controller", "endpointslice-controller"}
	rule := hold.Rule{Name: oneOf(random, append(hold.Kinds(), components...))}
	if random.IntN(3) == 0 {
		rule.Rate = 0.1
	}
	lasts, rest, steps := between(random, time.Second, 6*time.Second), between(random, 0, 4*time.Second), random.IntN(5)
	err := s.control.Hold(ctx, rule)
	s.tell("hold %s at rate %g for %s%s", rule.Name, rule.Rate, lasts.Round(time.Millisecond), trouble(err))
	s.count(err, func(r *Soak) { r.Holds++ })
	for range steps {
		if err := pause(ctx, lasts/time.Duration(steps+1)); err != nil {
			return err
		}
		if _, err := s.control.Step(ctx, rule.Name, 1); err != nil {
			return fmt.Errorf("step %s: %w", rule.Name, err)
		}
	}
	if err := pause(ctx, lasts/time.Duration(steps+1)); err != nil {
		return err
	}
	if _, err := s.control.Release(ctx, rule.Name); err != nil {
		return fmt.Errorf("release %s: %w", rule.Name, err)
	}
	return pause(ctx, rest)
}

// rewindSomething goes back to a snapshot, or takes back a change.
func (s *soak) rewindSomething(ctx context.Context, random *rand.Rand) error {
	first, passes, rest := random.IntN(3), between(random, time.Second, 4*time.Second), between(random, 2*time.Second, 8*time.Second)
	if err := pause(ctx, rest); err != nil {
		return err
	}
	if first == 0 {
		return s.undo(ctx)
	}
	return s.restore(ctx, passes)
}

// restore goes back to a snapshot, and the ledger with it.
func (s *soak) restore(ctx context.Context, passes time.Duration) error {
	resume := s.load.pause()
	saved, err := s.control.SaveSnapshot(ctx, "")
	then := s.load.clone()
	resume()
	s.count(err, func(*Soak) {})
	if err != nil {
		s.tell("save%s", trouble(err))
		return nil
	}
	defer func() { _ = s.control.RemoveSnapshot(ctx, saved.Name) }()
	if err := pause(ctx, passes); err != nil {
		return err
	}
	defer s.load.pause()()
	made, err := s.mark(ctx)
	if err != nil {
		s.tell("mark%s", trouble(err))
		return nil
	}
	result, err := s.control.RestoreSnapshot(ctx, saved.Name, "")
	s.tell("restore %s: %d written, %d deleted in %.1fs%s", saved.Name, result.Written, result.Deleted, result.Took.Seconds(), trouble(err))
	s.count(err, func(r *Soak) { r.Rewinds++ })
	there, looking := s.marked(ctx, made.Name)
	if looking != nil {
		return looking
	}
	if err == nil && there {
		return fmt.Errorf("%s was restored, and what was made after it is there", saved.Name)
	}
	if !there {
		s.load.ledger = then
	}
	return nil
}

// undo makes a change, and takes it back.
func (s *soak) undo(ctx context.Context) error {
	defer s.load.pause()()
	// Changes that are close to each other count as one.
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	made, err := s.mark(ctx)
	if err != nil {
		s.tell("mark%s", trouble(err))
		return nil
	}
	last, err := s.known(ctx, made)
	if err != nil {
		return err
	}
	if !last {
		s.tell("undo: something was changed after %s", made.Name)
		return nil
	}
	result, err := s.control.Undo(ctx)
	s.tell("undo: %d written, %d deleted in %.1fs%s", result.Written, result.Deleted, result.Took.Seconds(), trouble(err))
	s.count(err, func(r *Soak) { r.Rewinds++; r.Undos++ })
	there, looking := s.marked(ctx, made.Name)
	if looking != nil {
		return looking
	}
	if err == nil && there {
		return fmt.Errorf("a change was undone, and is there: %s", strings.Join(result.Change.What, ", "))
	}
	return nil
}

// mark makes an object by which to see whether the cluster was brought back.
func (s *soak) mark(ctx context.Context) (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return s.client.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "mark-"}}, metav1.CreateOptions{})
}

// known waits until the cluster knows of the change that made the mark, and reports whether
// it is the last one, which is taken back: a request that was held may come after it.
func (s *soak) known(ctx context.Context, mark *corev1.ConfigMap) (last bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	revision, err := strconv.ParseInt(mark.ResourceVersion, 10, 64)
	if err != nil {
		return false, fmt.Errorf("revision of %s: %w", mark.Name, err)
	}
	for {
		changes, err := s.control.Changes(ctx)
		at := slices.IndexFunc(changes, func(c rewind.Change) bool { return c.First <= revision && revision <= c.Last })
		if at >= 0 {
			return at == len(changes)-1 && changes[at].Last == revision, nil
		}
		if waiting := pause(ctx, 200*time.Millisecond); waiting != nil {
			return false, fmt.Errorf("%s was made, and nobody knows of that change: %w", mark.Name, errors.Join(waiting, err))
		}
	}
}

// marked reports whether the mark is there. What is broken heals within seconds: it asks
// until there is an answer.
func (s *soak) marked(ctx context.Context, mark string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		asking, done := context.WithTimeout(ctx, time.Second)
		_, err := s.client.CoreV1().ConfigMaps(namespace).Get(asking, mark, metav1.GetOptions{})
		done()
		switch {
		case err == nil:
			return true, nil
		case apierrors.IsNotFound(err):
			return false, nil
		}
		if waiting := pause(ctx, 200*time.Millisecond); waiting != nil {
			return false, fmt.Errorf("look for %s: %w (%w)", mark, waiting, err)
		}
	}
}
