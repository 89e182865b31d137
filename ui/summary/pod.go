package summary

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/facts"
	"kubarium/ui/widget"
)

func (m *maker) pod(p *corev1.Pod) {
	m.What = "A pod: containers that share an address and volumes, and live and die together on one node."
	if owner := metav1.GetControllerOf(p); owner != nil {
		m.What += fmt.Sprintf(" %s %s keeps it: if it goes, another one comes.", owner.Kind, owner.Name)
	} else {
		m.What += " Nothing keeps it: if it goes, nothing brings it back."
	}
	m.podWants(&p.Spec)
	f := facts.NewPod(p)
	m.has("%s, %d of %d containers ready", f.Word, f.Ready, f.Total)
	if p.Spec.NodeName != "" {
		m.has("the node %s, the address %s, quality of service %s", p.Spec.NodeName, orNone(p.Status.PodIP), orNone(string(p.Status.QOSClass)))
	}
	if f.Restarts > 0 {
		m.has("%s", widget.Plural(f.Restarts, "restart", "restarts"))
	}
	m.podWrong(f)
}

// podWants is what a pod, or each pod of a template, asks for.
func (m *maker) podWants(spec *corev1.PodSpec) {
	for _, c := range spec.Containers {
		text := fmt.Sprintf("container %s of image %s", c.Name, c.Image)
		if list := amounts(c.Resources.Requests); list != "" {
			text += ", at least " + list
		}
		if list := amounts(c.Resources.Limits); list != "" {
			text += ", at most " + list
		}
		for _, p := range c.Ports {
			text += fmt.Sprintf(", port %d", p.ContainerPort)
		}
		m.wants("%s", text)
	}
	for _, v := range spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			m.wants("the volume of claim %s", v.PersistentVolumeClaim.ClaimName)
		case v.ConfigMap != nil:
			m.wants("the ConfigMap %s", v.ConfigMap.Name)
		case v.Secret != nil:
			m.wants("the Secret %s", v.Secret.SecretName)
		}
	}
	if len(spec.NodeSelector) > 0 {
		m.wants("a node with %s", labels(spec.NodeSelector))
	}
}

func (m *maker) podWrong(f *facts.Pod) {
	p := f.Object
	switch {
	case p.DeletionTimestamp != nil:
		m.leaving(p.DeletionTimestamp, p.Finalizers)
		return
	case p.Status.Reason == "Evicted":
		m.wrong("Its node sent it away: "+p.Status.Message, "kubectl describe node "+p.Spec.NodeName)
		return
	case f.State == facts.Completed:
		return
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			m.wrong("No node takes it: "+c.Message, "lower what it requests, make room, or add a node", "kubectl describe nodes")
			return
		}
	}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		m.containerWrong(f, s)
	}
	if len(m.Wrong) == 0 && f.State == facts.NotReady {
		m.wrong("It runs, but is not ready, so no service sends it traffic: "+m.probe(), m.kubectl("logs"), m.kubectl("describe"))
	}
}

// probe is what the kubelet said of the probes last.
func (m *maker) probe() string {
	for _, e := range m.seen.EventsOf(m.ref) {
		if e.Reason == "Unhealthy" {
			return e.Message
		}
	}
	return "no failed probe was reported lately."
}

func (m *maker) containerWrong(f *facts.Pod, s corev1.ContainerStatus) {
	logs := m.kubectl("logs", "-c", s.Name)
	switch w := s.State.Waiting; {
	case w == nil && s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
		m.wrong(fmt.Sprintf("Container %s ended with %s.", s.Name, exit(s.State.Terminated)), logs)
	case w == nil:
	case w.Reason == "CrashLoopBackOff":
		text := fmt.Sprintf("Container %s ends again and again; the kubelet waits longer each time before it starts it anew.", s.Name)
		try := []string{logs + " --previous"}
		if t := s.LastTerminationState.Terminated; t != nil {
			text += fmt.Sprintf(" Last it ended with %s.", exit(t))
			if t.Reason == "OOMKilled" {
				try = append(try, "raise its memory limit, or have it use less")
			}
		}
		m.wrong(text, try...)
	case strings.Contains(w.Reason, "Image") || w.Reason == "ErrImagePull":
		text := fmt.Sprintf("The image of container %s cannot be had: %s", s.Name, orNone(w.Message))
		if w.Message == "" {
			text = fmt.Sprintf("The image %s of container %s cannot be had.", s.Image, s.Name)
		}
		m.wrong(text, "read the image's name and tag again", m.kubectl("describe"))
	case w.Reason == "CreateContainerConfigError", w.Reason == "CreateContainerError", w.Reason == "RunContainerError":
		m.wrong(fmt.Sprintf("Container %s cannot be made: %s", s.Name, orNone(w.Message)), m.list("configmaps,secrets"))
	}
}

// exit says what an exit code means.
func exit(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", t.ExitCode)
	switch {
	case t.Reason == "OOMKilled":
		return text + ": it used more memory than its limit, and was killed"
	case t.ExitCode == 126:
		return text + ": its command could not be run"
	case t.ExitCode == 127:
		return text + ": its command was not found"
	case t.ExitCode == 137:
		return text + ": it was killed (signal 9)"
	case t.ExitCode == 143:
		return text + ": it was told to end (signal 15)"
	case t.ExitCode > 128:
		return fmt.Sprintf("%s: signal %d", text, t.ExitCode-128)
	case t.ExitCode == 0:
		return text + ": it was done, and is to run for ever"
	}
	return text + ": the program itself reported a failure"
}

func amounts(list corev1.ResourceList) string {
	var words []string
	for name, q := range list {
		words = append(words, q.String()+" "+string(name))
	}
	slices.Sort(words)
	return strings.Join(words, " and ")
}

func labels(set map[string]string) string {
	var words []string
	for k, v := range set {
		words = append(words, k+"="+v)
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

func orNone(s string) string {
	if s == "" {
		return "none yet"
	}
	return s
}
