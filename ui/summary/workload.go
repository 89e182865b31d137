package summary

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
	"kubarium/ui/widget"
)

// revisionAnnotation has the number of a version of a Deployment.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// namedPods bounds the pods that are told one by one.
const namedPods = 5

func pods(n int32) string { return widget.Plural(int(n), "pod", "pods") }

func orOne(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func (m *maker) deployment(d *appsv1.Deployment) {
	m.What = "A Deployment: keeps a number of equal pods, and replaces them step by step when their template changes. It does so by a ReplicaSet for each version."
	m.wants("%s with %s", pods(orOne(d.Spec.Replicas)), selector(d.Spec.Selector))
	if d.Spec.Strategy.Type != "" {
		m.wants("changes by %s", d.Spec.Strategy.Type)
	}
	m.podWants(&d.Spec.Template.Spec)
	s := d.Status
	m.has("%s: %d of the newest version, %d ready, %d available", pods(s.Replicas), s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas)
	if r := d.Annotations[revisionAnnotation]; r != "" {
		m.has("revision %s, the newest", r)
	}
	sets := map[types.UID]bool{}
	var versions []*appsv1.ReplicaSet
	for _, rs := range m.seen.ReplicaSets {
		if owner := metav1.GetControllerOf(rs); owner != nil && owner.UID == d.UID || ownedBy(rs, d.UID) {
			sets[rs.UID] = true
			versions = append(versions, rs)
		}
	}
	m.versions(versions)
	undo := []string{m.kubectl("rollout history"), m.kubectl("rollout undo")}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse:
			m.wrong("The rollout does not get on: "+c.Message, undo...)
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			m.wrong("Pods cannot be made: "+c.Message, "kubectl describe quota -n "+m.ref.Namespace)
		}
	}
	if d.Spec.Paused {
		m.wrong("It is paused: changes of its template wait.", m.kubectl("rollout resume"))
	}
	m.pods(func(p *corev1.Pod) bool { owner := metav1.GetControllerOf(p); return owner != nil && sets[owner.UID] }, undo...)
	m.missing(s.ReadyReplicas, orOne(d.Spec.Replicas))
}

// namedVersions bounds the versions that are told one by one.
const namedVersions = 4

// versions tells what each version of a Deployment runs: where a rollout goes to, and what
// an undo would bring back.
func (m *maker) versions(sets []*appsv1.ReplicaSet) {
	if len(sets) < 2 {
		return
	}
	revision := func(rs *appsv1.ReplicaSet) int {
		n, _ := strconv.Atoi(rs.Annotations[revisionAnnotation])
		return n
	}
	sets = slices.Clone(sets)
	slices.SortFunc(sets, func(a, b *appsv1.ReplicaSet) int { return revision(b) - revision(a) })
	for _, rs := range sets[:min(len(sets), namedVersions)] {
		images := make([]string, 0, len(rs.Spec.Template.Spec.Containers))
		for _, c := range rs.Spec.Template.Spec.Containers {
			images = append(images, c.Image)
		}
		m.has("revision %d: %s of image %s", revision(rs), pods(rs.Status.Replicas), strings.Join(images, ", "))
	}
	if n := len(sets) - namedVersions; n > 0 {
		m.has("and %d older", n)
	}
}

func ownedBy(o metav1.Object, uid types.UID) bool {
	for _, r := range o.GetOwnerReferences() {
		if r.UID == uid {
			return true
		}
	}
	return false
}

func selector(s *metav1.LabelSelector) string {
	if s == nil {
		return "no labels"
	}
	return metav1.FormatLabelSelector(s)
}

// pods tells which of the pods that belong to the object are not all right.
func (m *maker) pods(belongs func(*corev1.Pod) bool, try ...string) {
	told := 0
	for _, f := range m.seen.Pods {
		if f.Object.Namespace != m.ref.Namespace || !belongs(f.Object) {
			continue
		}
		switch f.State {
		case facts.Running, facts.Completed, facts.Terminating:
			continue
		}
		if told++; told <= namedPods {
			m.wrong(fmt.Sprintf("pod %s: %s, %s", f.Object.Name, f.Word, f.State), append([]string{"open the pod, to read what is wrong with it"}, try...)...)
			try = nil
		}
	}
	if told > namedPods {
		m.wrong(fmt.Sprintf("and %d pods more", told-namedPods))
	}
}

// missing says that something is not there yet, if nothing else says why.
func (m *maker) missing(ready, wanted int32) {
	if ready < wanted && len(m.Wrong) == 0 {
		m.wrong(fmt.Sprintf("%d of %d pods are ready.", ready, wanted), m.kubectl("describe"))
	}
}

func (m *maker) replicaSet(r *appsv1.ReplicaSet) {
	m.What = "A ReplicaSet: keeps a number of equal pods."
	if owner := metav1.GetControllerOf(r); owner != nil {
		m.What += fmt.Sprintf(" It is one version of %s %s, which alone says how many.", owner.Kind, owner.Name)
	}
	m.wants("%s with %s", pods(orOne(r.Spec.Replicas)), selector(r.Spec.Selector))
	m.podWants(&r.Spec.Template.Spec)
	m.has("%s, %d ready", pods(r.Status.Replicas), r.Status.ReadyReplicas)
	for _, c := range r.Status.Conditions {
		if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
			m.wrong("Pods cannot be made: "+c.Message, m.kubectl("describe"))
		}
	}
	m.pods(func(p *corev1.Pod) bool { return ownedBy(p, r.UID) })
	m.missing(r.Status.ReadyReplicas, orOne(r.Spec.Replicas))
}

func (m *maker) statefulSet(s *appsv1.StatefulSet) {
	m.What = "A StatefulSet: keeps pods with fixed names and volumes of their own, begun and ended in order."
	m.wants("%s with %s, found by the service %s", pods(orOne(s.Spec.Replicas)), selector(s.Spec.Selector), orNone(s.Spec.ServiceName))
	m.podWants(&s.Spec.Template.Spec)
	for _, c := range s.Spec.VolumeClaimTemplates {
		m.wants("a claim %s for each pod, of %s", c.Name, amounts(c.Spec.Resources.Requests))
	}
	m.has("%s: %d of the newest version, %d ready", pods(s.Status.Replicas), s.Status.UpdatedReplicas, s.Status.ReadyReplicas)
	m.pods(func(p *corev1.Pod) bool { return ownedBy(p, s.UID) }, m.kubectl("rollout undo"))
	m.missing(s.Status.ReadyReplicas, orOne(s.Spec.Replicas))
}

func (m *maker) daemonSet(d *appsv1.DaemonSet) {
	m.What = "A DaemonSet: keeps one pod on each node."
	m.wants("a pod on each of %d nodes", d.Status.DesiredNumberScheduled)
	m.podWants(&d.Spec.Template.Spec)
	m.has("%s: %d of the newest version, %d ready", pods(d.Status.CurrentNumberScheduled), d.Status.UpdatedNumberScheduled, d.Status.NumberReady)
	if n := d.Status.NumberMisscheduled; n > 0 {
		m.wrong(fmt.Sprintf("%d pods are on nodes where none is wanted.", n), m.kubectl("describe"))
	}
	m.pods(func(p *corev1.Pod) bool { return ownedBy(p, d.UID) }, m.kubectl("rollout undo"))
	m.missing(d.Status.NumberReady, d.Status.DesiredNumberScheduled)
}

func (m *maker) job(j *batchv1.Job) {
	m.What = "A Job: runs pods until as many as wanted have ended well."
	m.wants("%s to end well, %d at a time, at most %d failures", pods(orOne(j.Spec.Completions)), orOne(j.Spec.Parallelism), limit(j.Spec.BackoffLimit))
	m.podWants(&j.Spec.Template.Spec)
	m.has("%d active, %d ended well, %d failed", j.Status.Active, j.Status.Succeeded, j.Status.Failed)
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobFailed:
			m.wrong(fmt.Sprintf("It has failed, %s: %s", c.Reason, c.Message), m.kubectl("logs"), "a Job is not run again: delete it and make it anew")
		case c.Type == batchv1.JobSuspended:
			m.wrong("It is suspended.", m.kubectl("patch", "-p", `'{"spec":{"suspend":false}}'`))
		case c.Type == batchv1.JobComplete:
			m.has("complete: it has done its work")
		}
	}
	m.pods(func(p *corev1.Pod) bool { return ownedBy(p, j.UID) }, m.kubectl("logs"))
}

// limit is how often a job's pods may fail; the server's default is 6.
func limit(n *int32) int32 {
	if n == nil {
		return 6
	}
	return *n
}

func (m *maker) cronJob(c *batchv1.CronJob) {
	m.What = "A CronJob: makes a Job whenever its schedule says so."
	m.wants("a Job at %q, and for jobs that overlap: %s", c.Spec.Schedule, orNone(string(c.Spec.ConcurrencyPolicy)))
	m.podWants(&c.Spec.JobTemplate.Spec.Template.Spec)
	if t := c.Status.LastScheduleTime; t != nil {
		m.has("a last run at %s", t.UTC().Format("15:04:05 on 2006-01-02"))
	}
	var active []string
	for _, a := range c.Status.Active {
		active = append(active, a.Name)
	}
	if len(active) > 0 {
		m.has("running now: %s", strings.Join(active, ", "))
	}
	if c.Spec.Suspend != nil && *c.Spec.Suspend {
		m.wrong("It is suspended.", m.kubectl("patch", "-p", `'{"spec":{"suspend":false}}'`))
	}
}
