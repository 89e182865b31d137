package checkup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

const (
	webImage = "kubarium/web:1.0"
	webPort  = 8080
)

// labels of the web servers, by which services find them.
var labels = map[string]string{"app": "web"}

// open makes the namespace.
func (w *ward) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ns, err := w.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kubarium-doctor-"}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make a namespace to test in: %w", err)
	}
	w.name = ns.Name
	return nil
}

// startPods runs a web server on each node that is Ready. The other checks work with
// those that start.
func startPods(ctx context.Context, w *ward) error {
	list, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	var mu sync.Mutex
	var errs []error
	var starting sync.WaitGroup
	pods := map[string]pod{}
	for _, n := range list.Items {
		if !isReady(n) {
			continue
		}
		starting.Go(func() {
			p := pod{name: "on-" + n.Name}
			started, err := w.run(ctx, w.web(p.name, n.Name, labels))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			p.ip = started.Status.PodIP
			pods[n.Name] = p
		})
	}
	starting.Wait()
	w.pods = pods
	if len(pods) == 0 && len(errs) == 0 {
		return errors.New("no node is Ready: see 'kubectl describe nodes' and 'kubarium node ls'")
	}
	return errors.Join(errs...)
}

// close removes the namespace with all in it, and waits for that: nothing is left.
func (w *ward) close(ctx context.Context) error {
	if w.name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := w.client.CoreV1().Namespaces().Delete(ctx, w.name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("remove namespace %s: %w", w.name, err)
	}
	err := eventually(ctx, func(ctx context.Context) error {
		_, err := w.client.CoreV1().Namespaces().Get(ctx, w.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there still"), err)
	})
	if err != nil {
		return fmt.Errorf("remove namespace %s: %w", w.name, err)
	}
	return nil
}

func isReady(n corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// web describes a web server; node "" leaves it to the scheduler.
func (w *ward) web(name, node string, labels map[string]string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "web", Image: webImage}},
		},
	}
}

// run starts a pod, and returns it when it is ready.
func (w *ward) run(ctx context.Context, p *corev1.Pod) (started *corev1.Pod, err error) {
	pods := w.client.CoreV1().Pods(w.name)
	// The namespace's default service account comes a moment after it.
	err = eventually(ctx, func(ctx context.Context) error {
		_, err := pods.Create(ctx, p, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start pod %s: %w", p.Name, err)
	}
	err = eventually(ctx, func(ctx context.Context) (err error) {
		if started, err = pods.Get(ctx, p.Name, metav1.GetOptions{}); err != nil {
			return fmt.Errorf("get pod %s: %w", p.Name, err)
		}
		for _, c := range started.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("pod %s on %s is %s: %s", p.Name, started.Spec.NodeName, started.Status.Phase, why(started))
	})
	return started, err
}

// why says what a pod that is not ready waits for.
func why(p *corev1.Pod) string {
	for _, s := range p.Status.ContainerStatuses {
		if s.State.Waiting != nil {
			return strings.TrimSpace(s.State.Waiting.Reason + " " + s.State.Waiting.Message)
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			return c.Message
		}
	}
	return "not ready"
}

// exec runs a command in a pod, and returns what it printed.
func (w *ward) exec(ctx context.Context, pod string, command ...string) (string, error) {
	request := w.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(w.name).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(w.options.Config, "GET", request.URL().String())
	if err != nil {
		return "", fmt.Errorf("exec in %s: %w", pod, err)
	}
	var out, fault bytes.Buffer
	if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &fault}); err != nil {
		return out.String(), fmt.Errorf("%s in %s: %w: %s", strings.Join(command, " "), pod, err, strings.TrimSpace(fault.String()))
	}
	return out.String(), nil
}

// each calls f for the pod of each node, side by side.
func (w *ward) each(ctx context.Context, f func(ctx context.Context, node string, p pod) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for node, p := range w.pods {
		group.Go(func() error { return f(ctx, node, p) })
	}
	return group.Wait()
}
