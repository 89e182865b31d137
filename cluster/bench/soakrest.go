package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/machine"
)

// soaked is the Deployment that is scaled up and down, and restReplicas what it has at
// rest.
const (
	soaked       = "soaked"
	restReplicas = 2
)

// prepare makes what the soak works on.
func (s *soak) prepare(ctx context.Context) error {
	if s.options.whole() {
		var err error
		if s.disk, err = s.control.AddNode(ctx, ownDisk); err != nil {
			return fmt.Errorf("add a node with a disk of its own: %w", err)
		}
	}
	labels := map[string]string{"app": soaked}
	replicas := int32(restReplicas)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: soaked, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: webImage}}},
			},
		},
	}
	if _, err := s.client.AppsV1().Deployments(namespace).Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create deployment: %w", err)
	}
	s.load = newLoad(s.client)
	s.load.rest, s.load.podEvery, s.load.also = 200*time.Millisecond, 5, s.scale
	return s.rest(ctx)
}

// scale gives the Deployment another number of replicas now and then.
func (s *soak) scale(ctx context.Context, n int) {
	if n%15 == 0 {
		_ = s.scaleTo(ctx, int32(1+n/15%4))
	}
}

func (s *soak) scaleTo(ctx context.Context, replicas int32) error {
	// Until it is acknowledged nobody knows.
	s.load.scaled = append(s.load.scaled, replicas)
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: soaked, Namespace: namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	_, err := s.client.AppsV1().Deployments(namespace).UpdateScale(ctx, soaked, scale, metav1.UpdateOptions{})
	if err == nil {
		s.load.scaled = []int32{replicas}
	}
	return err
}

// rest ends what is broken and held, waits until the cluster is whole, looks whether
// anything was lost, and measures.
func (s *soak) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	began := time.Now()
	for _, wait := range []func(context.Context) error{s.end, s.ready, s.check, s.renew, s.whole} {
		if err := until(ctx, wait); err != nil {
			return err
		}
	}
	return s.measure(ctx, time.Since(began))
}

// until tries again until it works.
func until(ctx context.Context, f func(context.Context) error) error {
	for {
		asking, done := context.WithTimeout(ctx, 10*time.Second)
		err := f(asking)
		done()
		if err == nil {
			return nil
		}
		if waiting := pause(ctx, 250*time.Millisecond); waiting != nil {
			return fmt.Errorf("the cluster is not whole again: %w (%w)", err, waiting)
		}
	}
}

// end heals and releases everything.
func (s *soak) end(ctx context.Context) error {
	_, healing := s.control.HealFaults(ctx, "", "")
	_, releasing := s.control.Release(ctx, "")
	return errors.Join(healing, releasing)
}

// ready looks at what the program says of its components and nodes.
func (s *soak) ready(ctx context.Context) error {
	info, err := s.control.Info(ctx)
	if err != nil {
		return err
	}
	for _, c := range info.Components {
		if c.State != "Ready" {
			return fmt.Errorf("%s is %s: %s", c.Name, c.State, c.Message)
		}
	}
	return nil
}

// check compares the cluster with the ledger.
func (s *soak) check(ctx context.Context) error {
	lost, err := s.load.lost(ctx)
	if err != nil {
		return err
	}
	deployment, err := s.client.AppsV1().Deployments(namespace).Get(ctx, soaked, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if is := *deployment.Spec.Replicas; len(s.load.scaled) > 0 && !slices.Contains(s.load.scaled, is) {
		s.tell("the deployment has %d replicas, and was given %v", is, s.load.scaled)
		lost++
	}
	s.result.Created, s.result.Lost = s.load.created, s.result.Lost+lost
	if lost > 0 {
		s.tell("%d objects are otherwise than acknowledged", lost)
	}
	return nil
}

// renew lets all that was made go, so that each rest finds the same: two pods of the
// Deployment, without the back-off of those that were killed.
func (s *soak) renew(ctx context.Context) error {
	if err := s.load.cleanUp(ctx); err != nil {
		return err
	}
	now := int64(0)
	pods := s.client.CoreV1().Pods(namespace)
	return errors.Join(
		s.scaleTo(ctx, restReplicas),
		pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}),
		s.client.CoreV1().ConfigMaps(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"}))
}

// clearEnded deletes pods that a node ended for good, as an administrator would: nobody else
// does, though their Deployments have others.
func (s *soak) clearEnded(ctx context.Context) error {
	pods, err := s.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		if !endedByNode(p) {
			continue
		}
		if err := s.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// endedByNode reports whether a kubelet ended a pod whose containers would be started again
// for ever: it evicted the pod, or refused it when it started anew while its disk was full,
// of which no condition tells. If its programs ended well when they were told to, such a pod
// is Succeeded, and not Failed.
func endedByNode(p corev1.Pod) bool {
	ended := p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
	return ended && p.Spec.RestartPolicy == corev1.RestartPolicyAlways
}

// whole reports what the cluster lacks: nodes without taints, Deployments with all their
// replicas, and no other pods than those. Those that a node ended are cleared away.
func (s *soak) whole(ctx context.Context) error {
	if err := s.clearEnded(ctx); err != nil {
		return err
	}
	nodes, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		if len(n.Spec.Taints) > 0 {
			return fmt.Errorf("%s has the taint %s", n.Name, n.Spec.Taints[0].Key)
		}
		for _, c := range n.Status.Conditions {
			if (c.Type == corev1.NodeReady) != (c.Status == corev1.ConditionTrue) {
				return fmt.Errorf("%s: %s is %s: %s", n.Name, c.Type, c.Status, c.Message)
			}
		}
	}
	deployments, err := s.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, d := range deployments.Items {
		if st := d.Status; st.ObservedGeneration != d.Generation || st.AvailableReplicas != *d.Spec.Replicas || st.Replicas != *d.Spec.Replicas || st.UpdatedReplicas != *d.Spec.Replicas {
			return fmt.Errorf("deployment %s/%s has %d of %d replicas available, %d in all", d.Namespace, d.Name, st.AvailableReplicas, *d.Spec.Replicas, st.Replicas)
		}
	}
	return s.noOthers(ctx)
}

// noOthers looks for pods that nobody should have.
func (s *soak) noOthers(ctx context.Context) error {
	pods, err := s.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	mine := 0
	for _, p := range pods.Items {
		if p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
			return fmt.Errorf("pod %s/%s is %s", p.Namespace, p.Name, p.Status.Phase)
		}
		if p.Namespace == namespace {
			mine++
		}
	}
	if mine != restReplicas {
		return fmt.Errorf("there are %d pods, and %d should be", mine, restReplicas)
	}
	return nil
}

// measure notes what the cluster holds now.
func (s *soak) measure(ctx context.Context, took time.Duration) error {
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	held, err := s.control.Process(ctx)
	if err != nil {
		return fmt.Errorf("measure the program: %w", err)
	}
	usage, err := machine.MeasureUsage(s.cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("measure processes: %w", err)
	}
	r := Rest{At: time.Since(s.began).Seconds(), Took: took.Seconds(), Process: held, Processes: usage.Processes, PSS: mebibytes(usage.PSS), Files: mebibytes(usage.Files)}
	s.result.Rests = append(s.result.Rests, r)
	s.result.SlowestRest = max(s.result.SlowestRest, r.Took)
	s.tell("rest after %.1fs: %d goroutines, %d descriptors, %.1f MiB live, %d processes with %.0f MiB (%.0f of files); %d of %d objects lost",
		r.Took, r.Goroutines, r.Descriptors, float64(r.Heap)/(1<<20), r.Processes, r.PSS, r.Files, s.result.Lost, s.result.Created)
	return nil
}

// panicked is what Go, and Kubernetes when it goes on after one, write of a panic. That a
// client hung up in the middle of an answer is told by one, too, and is none.
var panicked = regexp.MustCompile(`(?i)^panic: |observed a panic|panic serving|^fatal error: |runtime error:`)

const hungUp = "abort Handler"

// findPanics reads all logs of a cluster.
func findPanics(dir string) ([]string, error) {
	found := []string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		lines := bufio.NewReader(file)
		for {
			line, err := lines.ReadString('\n')
			if panicked.MatchString(line) && !strings.Contains(line, hungUp) {
				found = append(found, fmt.Sprintf("%s: %.300s", entry.Name(), strings.TrimSpace(line)))
			}
			if err != nil {
				return nil
			}
		}
	})
	if err != nil {
		return found, fmt.Errorf("read logs: %w", err)
	}
	return found, nil
}
