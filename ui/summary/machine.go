package summary

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/facts"
	"kubarium/ui/widget"
)

func (m *maker) node(n *corev1.Node) {
	m.What = "A node: a machine that runs pods. Its kubelet starts what is bound to it, and reports how it fares."
	if n.Spec.Unschedulable {
		m.wants("no new pods: it is cordoned")
	}
	for _, t := range n.Spec.Taints {
		m.wants("only pods that tolerate %s", t.ToString())
	}
	info := n.Status.NodeInfo
	m.has("kubelet %s, %s, %s", info.KubeletVersion, info.ContainerRuntimeVersion, info.OSImage)
	for _, f := range m.seen.Nodes {
		if f.Object.Name == n.Name {
			m.has("%s; their requests take %s of %s CPU and %s of %s memory", widget.Plural(len(f.Pods), "pod", "pods"),
				facts.Cores(f.CPU.Requested), facts.Cores(f.CPU.Allocatable), facts.Bytes(f.Memory.Requested), facts.Bytes(f.Memory.Allocatable))
		}
	}
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue:
			m.wrong("It is not ready: "+orNone(c.Message), "see whether the machine and its kubelet run", "kubectl describe node "+n.Name)
		case c.Type == corev1.NodeReady:
			m.has("a kubelet that reports that it is ready")
		case c.Status == corev1.ConditionTrue:
			m.wrong(fmt.Sprintf("%s: %s", c.Type, c.Message), "kubectl describe node "+n.Name)
		}
	}
	if n.Spec.Unschedulable {
		m.wrong("It gets no new pods, because somebody cordoned it.", "kubectl uncordon "+n.Name)
	}
}

func (m *maker) claim(c *corev1.PersistentVolumeClaim) {
	m.What = "A claim: asks for a volume that outlives pods. A volume of its class is made for it, or found, and is then its own."
	class := "the default class"
	if c.Spec.StorageClassName != nil {
		class = "class " + orNone(*c.Spec.StorageClassName)
	}
	var modes []string
	for _, mode := range c.Spec.AccessModes {
		modes = append(modes, string(mode))
	}
	m.wants("%s of %s, %s", amounts(c.Spec.Resources.Requests), class, strings.Join(modes, ", "))
	m.has("phase %s", c.Status.Phase)
	if c.Spec.VolumeName != "" {
		m.has("the volume %s of %s", c.Spec.VolumeName, amounts(c.Status.Capacity))
	}
	used := false
	for _, p := range m.seen.Pods {
		for _, v := range p.Object.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == c.Name && p.Object.Namespace == c.Namespace {
				used = true
				m.has("pod %s, which uses it: %s", p.Object.Name, p.Word)
			}
		}
	}
	switch {
	case c.Status.Phase == corev1.ClaimLost:
		m.wrong("Its volume is lost.", "kubectl get pv "+c.Spec.VolumeName)
	case c.Status.Phase == corev1.ClaimPending && m.waits():
		text := "It waits for a pod that uses it: its class makes volumes where the pod runs."
		if used {
			text = "It waits until a pod that uses it has a node."
		}
		m.wrong(text, m.list("pods"))
	case c.Status.Phase == corev1.ClaimPending:
		m.wrong("It has no volume yet.", "kubectl get storageclasses", m.kubectl("describe"))
	}
	m.leaving(c.DeletionTimestamp, c.Finalizers)
}

// waits reports whether the volume's maker said that it waits for a pod.
func (m *maker) waits() bool {
	for _, e := range m.seen.EventsOf(m.ref) {
		if e.Reason == "WaitForFirstConsumer" || e.Reason == "WaitForPodScheduled" {
			return true
		}
	}
	return false
}
