package plain

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// mostLines is how many changes of one moment are told; of the others, how many.
const mostLines = 20

// Changes tells in lines what is other in the cluster than before.
func Changes(before, after *watch.Snapshot) []string {
	lines := append(nodeChanges(before, after), podChanges(before, after)...)
	lines = append(lines, deploymentChanges(before, after)...)
	lines = append(lines, warnings(before, after)...)
	if n := len(lines) - mostLines; n > 0 {
		lines = append(lines[:mostLines], "and "+widget.Plural(n, "change", "changes")+" more")
	}
	return lines
}

// Summary tells the cluster in a few lines.
func Summary(s *watch.Snapshot) []string {
	var nodes []string
	for _, n := range s.Nodes {
		nodes = append(nodes, n.Object.Name+" "+n.Word)
	}
	lines := []string{widget.Plural(len(s.Nodes), "node", "nodes") + ": " + strings.Join(nodes, ", ")}
	var count [facts.Unknown + 1]int
	for _, p := range s.Pods {
		count[p.State]++
	}
	var pods []string
	for state := facts.Running; state <= facts.Unknown; state++ {
		if count[state] > 0 {
			pods = append(pods, fmt.Sprintf("%d %s", count[state], state))
		}
	}
	return append(lines, widget.Plural(len(s.Pods), "pod", "pods")+": "+strings.Join(pods, ", "))
}

func nodeChanges(before, after *watch.Snapshot) []string {
	old := map[types.UID]*facts.Node{}
	for _, n := range before.Nodes {
		old[n.Object.UID] = n
	}
	var lines []string
	for _, n := range after.Nodes {
		was := old[n.Object.UID]
		delete(old, n.Object.UID)
		switch {
		case was == nil:
			lines = append(lines, fmt.Sprintf("node %s is new: %s", n.Object.Name, n.Word))
		case was.Word != n.Word:
			lines = append(lines, because(fmt.Sprintf("node %s: %s -> %s", n.Object.Name, was.Word, n.Word), n.Message))
		}
	}
	for _, n := range before.Nodes {
		if old[n.Object.UID] != nil {
			lines = append(lines, fmt.Sprintf("node %s is gone", n.Object.Name))
		}
	}
	return lines
}

func podChanges(before, after *watch.Snapshot) []string {
	old := map[types.UID]*facts.Pod{}
	for _, p := range before.Pods {
		old[p.Object.UID] = p
	}
	var lines []string
	for _, p := range after.Pods {
		was := old[p.Object.UID]
		delete(old, p.Object.UID)
		switch {
		case was == nil:
			lines = append(lines, fmt.Sprintf("%s is new: %s", podName(p), fares(p)))
		case fares(was) != fares(p):
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", podName(p), fares(was), fares(p)))
		case was.Restarts < p.Restarts:
			lines = append(lines, fmt.Sprintf("%s was restarted, %s so far", podName(p), widget.Plural(p.Restarts, "time", "times")))
		}
	}
	for _, p := range before.Pods {
		if old[p.Object.UID] != nil {
			lines = append(lines, podName(p)+" is gone")
		}
	}
	return lines
}

// podName names a pod, and where it is.
func podName(p *facts.Pod) string {
	name := "pod " + object(p.Object.Namespace, p.Object.Name)
	if node := p.Object.Spec.NodeName; node != "" {
		name += " on " + node
	}
	return name
}

// object leaves out the namespace that most things are in.
func object(namespace, name string) string {
	if namespace == "" || namespace == corev1.NamespaceDefault {
		return name
	}
	return namespace + "/" + name
}

// fares is the pod's state, and kubectl's word for it where that says more.
func fares(p *facts.Pod) string {
	state := p.State.String()
	if strings.EqualFold(p.Word, state) {
		return state
	}
	return fmt.Sprintf("%s (%s)", state, p.Word)
}

func deploymentChanges(before, after *watch.Snapshot) []string {
	old := map[types.UID]string{}
	for _, d := range before.Deployments {
		old[d.UID] = replicas(d.Status.ReadyReplicas, d.Spec.Replicas)
	}
	var lines []string
	for _, d := range after.Deployments {
		is, was := replicas(d.Status.ReadyReplicas, d.Spec.Replicas), old[d.UID]
		delete(old, d.UID)
		if is != was {
			lines = append(lines, fmt.Sprintf("deployment %s: %s", object(d.Namespace, d.Name), is))
		}
	}
	for _, d := range before.Deployments {
		if _, gone := old[d.UID]; gone {
			lines = append(lines, fmt.Sprintf("deployment %s is gone", object(d.Namespace, d.Name)))
		}
	}
	return lines
}

func replicas(ready int32, wanted *int32) string {
	if wanted == nil {
		return fmt.Sprintf("%d ready", ready)
	}
	return fmt.Sprintf("%d of %d ready", ready, *wanted)
}

// warnings are the new events that warn; what repeats is told once.
func warnings(before, after *watch.Snapshot) []string {
	old := map[types.UID]bool{}
	for _, e := range before.Events {
		old[e.UID] = true
	}
	var lines []string
	for i := len(after.Events) - 1; i >= 0; i-- {
		if e := after.Events[i]; !old[e.UID] && e.Type == corev1.EventTypeWarning {
			lines = append(lines, Event(e))
		}
	}
	return lines
}

// Event is an event in a line.
func Event(e *corev1.Event) string {
	o := e.InvolvedObject
	return because(fmt.Sprintf("%s: %s %s: %s", strings.ToLower(e.Type), strings.ToLower(o.Kind), object(o.Namespace, o.Name), e.Reason), e.Message)
}

func because(line, why string) string {
	if why = strings.TrimSpace(why); why != "" {
		line += ": " + why
	}
	return widget.Clean(line)
}
