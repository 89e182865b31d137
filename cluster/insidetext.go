package cluster

import (
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/inspect"
	"kubarium/cluster/node/tap"
	"kubarium/cluster/trace"
)

// shownPayload bounds how much of a call's messages stands in a text for people.
const shownPayload = 2000

// Inside calls show with what is inside of a Pod, a Service or a Node, as text, and again
// whenever that changes, until ctx ends.
func (c *Cluster) Inside(ctx context.Context, kind, namespace, name string, show func(string)) error {
	var where []string
	look, follow := c.insideNode, c.FollowRuntime
	switch kind {
	case "Pod":
		look = c.insidePod
	case "Service":
		counting := meters{}
		defer counting.close(ctx, c)
		look = func(ctx context.Context, namespace, name string, w io.Writer) ([]string, error) {
			return c.insideService(ctx, counting, namespace, name, w)
		}
		follow = c.followCounted
	case "Node":
	default:
		return fmt.Errorf("there is nothing to see inside of a %s", kind)
	}
	return inspect.Watch(ctx, func(ctx context.Context) (err error) {
		var text strings.Builder
		if where, err = look(ctx, namespace, name, &text); err != nil {
			return err
		}
		show(text.String())
		return nil
	}, func(ctx context.Context, changed func()) error {
		// Those of the first look.
		group, ctx := errgroup.WithContext(ctx)
		for _, node := range where {
			group.Go(func() error { return follow(ctx, node, changed) })
		}
		return group.Wait()
	})
}

func (c *Cluster) insideNode(ctx context.Context, _, name string, w io.Writer) ([]string, error) {
	found, err := c.InspectNode(ctx, name)
	if err != nil {
		return nil, err
	}
	return []string{name}, found.WriteText(w)
}

func (c *Cluster) insideService(ctx context.Context, counting meters, namespace, name string, w io.Writer) ([]string, error) {
	var nodes []string
	for _, node := range c.Nodes() {
		// One that is off has no rules.
		if _, err := c.machineOf(node); err != nil {
			continue
		}
		found, err := c.InspectService(ctx, namespace, name, node)
		if err != nil {
			return nil, err
		}
		if err := counting.count(ctx, c, &found); err != nil {
			return nil, err
		}
		if err := found.WriteText(w); err != nil {
			return nil, err
		}
		fmt.Fprintln(w)
		nodes = append(nodes, node)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("no node is on")
	}
	return nodes, nil
}

// insidePod writes the containers that run, and what the kubelet did for the pod.
func (c *Cluster) insidePod(ctx context.Context, namespace, name string, w io.Writer) ([]string, error) {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return nil, err
	}
	pod, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("find pod: %w", err)
	}
	if pod.Spec.NodeName == "" {
		return nil, fmt.Errorf("the pod is on no node yet")
	}
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if s.State.Running == nil {
			fmt.Fprintf(w, "container %s does not run\n\n", s.Name)
			continue
		}
		found, err := c.InspectContainer(ctx, namespace, name, s.Name)
		if err != nil {
			// It may have ended since the API server was asked.
			fmt.Fprintf(w, "container %s: %v\n\n", s.Name, err)
			continue
		}
		if err := found.WriteText(w); err != nil {
			return nil, err
		}
		fmt.Fprintln(w)
	}
	c.writeKubelet(pod, w)
	return []string{pod.Spec.NodeName}, nil
}

// writeKubelet writes what the kubelet did for a pod, as far as the trace has it.
func (c *Cluster) writeKubelet(pod *corev1.Pod, w io.Writer) {
	fmt.Fprintf(w, "What the kubelet on %s did for the pod (as far as the trace has it: the newest %d MiB of events)\n", pod.Spec.NodeName, trace.Limit>>20)
	did := func(e trace.Event) bool {
		return e.Component == tap.Component && e.Object.UID == string(pod.UID) && e.Verb != "status"
	}
	c.trace.Scan(0, did, func(e trace.Event) {
		fmt.Fprintf(w, "  %s  %-16s %s\n", e.Time.Local().Format("15:04:05.000"), e.Verb, e.Detail)
		if e.Fields["source"] != "cri" || e.Verb == "ContainerStatus" || e.Verb == "ExecSync" {
			return
		}
		for _, key := range []string{"request", "response"} {
			if text := e.Fields[key]; text != "" {
				if len(text) > shownPayload {
					text = text[:shownPayload] + "..."
				}
				fmt.Fprintf(w, "      %s %s\n", key, text)
			}
		}
	})
}
