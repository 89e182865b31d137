package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/process"
)

const containerTarget = "[NAMESPACE/]POD[/CONTAINER]"

// container is one that runs, as the host sees it.
type container struct {
	id string
	// memory is its cgroup that limits memory.
	memory string
	// main is its main process.
	main int
}

func killContainer(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	c, err := findContainer(ctx, w, o.Target)
	if err != nil {
		return nil, err
	}
	if err := unix.Kill(c.main, unix.SIGKILL); err != nil {
		return nil, fmt.Errorf("kill process %d: %w", c.main, err)
	}
	return nil, nil
}

// findContainer finds a container's processes by its cgroup, whose name is its ID.
func findContainer(ctx context.Context, w World, target string) (container, error) {
	pod, name, err := findPod(ctx, w, target)
	if err != nil {
		return container{}, err
	}
	id, err := process.ContainerID(pod, name)
	if err != nil {
		return container{}, err
	}
	machine, err := w.Machine(pod.Spec.NodeName)
	if err != nil {
		return container{}, err
	}
	groups, err := machine.Cgroup("memory")
	if err != nil {
		return container{}, err
	}
	c := container{id: id}
	if c.memory, err = process.CgroupOf(groups, id); err != nil {
		return container{}, err
	}
	c.main, err = mainProcess(c.memory)
	return c, err
}

// findPod reads a target: POD, NAMESPACE/POD or NAMESPACE/POD/CONTAINER.
func findPod(ctx context.Context, w World, target string) (*corev1.Pod, string, error) {
	parts := strings.Split(strings.TrimPrefix(target, "pod/"), "/")
	if len(parts) == 1 {
		parts = []string{metav1.NamespaceDefault, parts[0]}
	}
	if len(parts) > 3 || slices.Contains(parts, "") {
		return nil, "", fmt.Errorf("%q names no pod: write %s", target, containerTarget)
	}
	client, err := w.Client()
	if err != nil {
		return nil, "", err
	}
	pod, err := client.CoreV1().Pods(parts[0]).Get(ctx, parts[1], metav1.GetOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("find pod: %w", err)
	}
	if pod.Spec.NodeName == "" {
		return nil, "", fmt.Errorf("pod %s is on no node yet", pod.Name)
	}
	if len(parts) == 3 {
		return pod, parts[2], nil
	}
	return pod, pod.Spec.Containers[0].Name, nil
}

// mainProcess is the oldest process of the cgroup.
func mainProcess(group string) (int, error) {
	data, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if err != nil {
		return 0, fmt.Errorf("list processes of container: %w", err)
	}
	oldest, began := 0, uint64(0)
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("list processes of container: %w", err)
		}
		process, err := procfs.NewProc(pid)
		if err != nil {
			continue // it has just ended
		}
		if stat, err := process.Stat(); err == nil && (oldest == 0 || stat.Starttime < began) {
			oldest, began = pid, stat.Starttime
		}
	}
	if oldest == 0 {
		return 0, errors.New("the container has no process any more")
	}
	return oldest, nil
}
