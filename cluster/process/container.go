package process

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// ContainerID is the ID that containerd knows a container of a pod by. It is an error if
// that does not run.
func ContainerID(pod *corev1.Pod, name string) (string, error) {
	statuses := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	var names []string
	for _, s := range statuses {
		names = append(names, s.Name)
		if s.Name != name {
			continue
		}
		if s.State.Running == nil {
			return "", fmt.Errorf("container %s of pod %s does not run", name, pod.Name)
		}
		return strings.TrimPrefix(s.ContainerID, "containerd://"), nil
	}
	return "", fmt.Errorf("pod %s has no container %q; it has %s", pod.Name, name, strings.Join(names, ", "))
}
