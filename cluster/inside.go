package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/inspect"
	"kubarium/cluster/inspect/runtime"
	"kubarium/cluster/node"
	"kubarium/cluster/node/tap"
	"kubarium/cluster/process"
)

// machineOf finds a node that runs.
func (c *Cluster) machineOf(name string) (*node.Node, error) {
	_, running, err := c.findNode(name)
	switch {
	case err != nil:
		return nil, err
	case running == nil:
		return nil, fmt.Errorf("%s is off: start it with: kubarium node start %s", name, name)
	case c.isFrozen():
		return nil, errFrozen
	}
	return running, nil
}

// containerdOf connects to the containerd of a node that runs.
func containerdOf(machine *node.Node) (*runtime.Runtime, error) {
	return runtime.Dial(machine.Socket(node.ContainerdSocket))
}

// InspectNode asks a node's containerd what it has, and its kubelet's tap how it used that.
func (c *Cluster) InspectNode(ctx context.Context, name string) (found inspect.Node, err error) {
	machine, err := c.machineOf(name)
	if err != nil {
		return found, err
	}
	containerd, err := containerdOf(machine)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, containerd.Close()) }()
	if found, err = containerd.List(ctx); err != nil {
		return found, err
	}
	found.Name = name
	if c.options.NoTrace {
		return found, nil
	}
	calls, err := tap.NewClient(machine.Socket(node.TapSocket)).Calls(ctx)
	if err != nil {
		return found, err
	}
	for _, call := range calls {
		count := inspect.CallCount{Method: call.Method, Count: call.Count, Failed: call.Failed, Longest: call.Longest, Last: call.Last}
		count.Mean = call.Took / time.Duration(max(1, call.Count))
		found.Calls = append(found.Calls, count)
	}
	slices.SortFunc(found.Calls, func(a, b inspect.CallCount) int { return cmp.Compare(a.Method, b.Method) })
	return found, nil
}

// InspectContainer looks at a container of a pod from all sides; "" is the first one.
func (c *Cluster) InspectContainer(ctx context.Context, namespace, pod, name string) (found inspect.Container, err error) {
	object, id, err := c.findContainer(ctx, namespace, pod, name)
	if err != nil {
		return found, err
	}
	machine, err := c.machineOf(object.Spec.NodeName)
	if err != nil {
		return found, err
	}
	containerd, err := containerdOf(machine)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, containerd.Close()) }()
	resource, sandbox, pid, err := containerd.Container(ctx, id)
	if err != nil {
		return found, err
	}
	found = inspect.Container{
		Node: object.Spec.NodeName, Namespace: namespace, Pod: pod, Name: resource.Container, ID: id, Sandbox: sandbox,
		Image: resource.Image, Snapshot: resource.Snapshot, Runtime: resource.Runtime, Status: "RUNNING",
	}
	sandboxPID, err := containerd.PID(ctx, sandbox)
	if err != nil {
		return found, fmt.Errorf("sandbox of pod %s: %w", pod, err)
	}
	place, err := placeOf(machine, id, sandbox, pid, sandboxPID)
	if err != nil {
		return found, err
	}
	found.Linux, err = inspect.ReadLinux(place)
	return found, err
}

// placeOf finds where this machine has a container of a node, by the numbers that its first
// process and that of its sandbox have in the node.
func placeOf(machine *node.Node, id, sandbox string, pid, sandboxPID int) (inspect.Place, error) {
	place := inspect.Place{Others: map[string]int{"node": machine.PID(), "this machine": 1}, Cgroups: map[string]string{}}
	for _, controller := range []string{"memory", "cpu", "pids"} {
		root, err := machine.Cgroup(controller)
		if err != nil {
			return place, err
		}
		if place.Cgroups[controller], err = process.CgroupOf(root, id); err != nil {
			return place, err
		}
	}
	root, err := machine.Cgroup("memory")
	if err != nil {
		return place, err
	}
	lists, err := process.InContainers([]string{root}, []string{id, sandbox})
	if err != nil {
		return place, err
	}
	for _, p := range lists[sandbox] {
		if p.NodePID == sandboxPID {
			place.Others["sandbox"] = p.HostPID
		}
	}
	for _, p := range lists[id] {
		if p.NodePID == pid {
			place.PIDs = append([]int{p.HostPID}, place.PIDs...)
		} else {
			place.PIDs = append(place.PIDs, p.HostPID)
		}
	}
	return place, nil
}

// findContainer finds a container that runs, and its ID.
func (c *Cluster) findContainer(ctx context.Context, namespace, pod, name string) (*corev1.Pod, string, error) {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return nil, "", err
	}
	object, err := client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("find pod: %w", err)
	}
	if object.Spec.NodeName == "" {
		return nil, "", fmt.Errorf("pod %s is on no node yet", pod)
	}
	id, err := process.ContainerID(object, cmp.Or(name, object.Spec.Containers[0].Name))
	return object, id, err
}

// FollowRuntime calls f whenever something changes in a node's containerd, until ctx ends.
func (c *Cluster) FollowRuntime(ctx context.Context, name string, f func()) error {
	machine, err := c.machineOf(name)
	if err != nil {
		return err
	}
	containerd, err := containerdOf(machine)
	if err != nil {
		return err
	}
	defer containerd.Close()
	return containerd.Events(ctx, func(string) { f() })
}
