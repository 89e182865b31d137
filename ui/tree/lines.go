package tree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/process"
	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// line is one line of the tree: an object, a container or a process.
type line struct {
	id string
	// ref is the object, or that which the container and the process are of.
	ref       watch.Ref
	container string
	// branch is the way to it from the root, text what it is.
	branch, text string
	state        string
	tone         theme.Tone
	sign         string
	age          string
	parent       bool // something hangs at it
}

// item is a line before it is known where it stands.
type item struct {
	line
	below []item
}

// flatten makes lines of what is to be seen of the tree.
func (v *View) flatten() []line {
	if v.tree.Root == nil {
		return nil
	}
	var lines []line
	root := v.item(v.tree.Root)
	if v.ctx.Text != "" && !v.keep(&root) {
		return nil
	}
	v.walk(root, "", "", &lines)
	return lines
}

// keep leaves what fits the filter, and the way to it. What was looked for comes with all
// that hangs at it; below what is only not kept out, more may be.
func (v *View) keep(i *item) bool {
	fits := v.ctx.Fits(i.text + " " + i.state)
	if fits && !strings.HasPrefix(v.ctx.Text, "!") {
		return true
	}
	var below []item
	for _, b := range i.below {
		if v.keep(&b) {
			below = append(below, b)
		}
	}
	i.below = below
	return fits || len(below) > 0
}

func (v *View) walk(i item, first, rest string, lines *[]line) {
	tee, end, down := "├─ ", "└─ ", "│  "
	if v.ctx.Theme.Icons.ASCII {
		tee, end, down = "|- ", "`- ", "|  "
	}
	i.branch, i.parent = first, len(i.below) > 0
	*lines = append(*lines, i.line)
	if v.folded[i.id] {
		return
	}
	for n, b := range i.below {
		if n == len(i.below)-1 {
			v.walk(b, rest+end, rest+"   ", lines)
		} else {
			v.walk(b, rest+tee, rest+down, lines)
		}
	}
}

func (v *View) item(n *Node) item {
	i := item{line: line{id: string(n.Row.UID), ref: n.Ref, text: n.Ref.String()}}
	if !n.Row.Created.IsZero() {
		i.age = facts.Age(v.ctx.Now.Sub(n.Row.Created))
	}
	i.state, i.tone = printed(n.Columns, n.Row)
	i.sign = v.signOf(i.tone)
	for _, o := range n.Owned {
		i.below = append(i.below, v.item(o))
	}
	if p := v.pod(n.Ref); p != nil {
		i.sign, i.tone = pane.PodSign(v.ctx, p.State)
		i.state = fmt.Sprintf("%s, %d of %d ready", p.Word, p.Ready, p.Total)
		if p.Restarts > 0 {
			i.state += ", " + widget.Plural(p.Restarts, "restart", "restarts")
		}
		i.below = append(i.below, v.containers(n.Ref, p)...)
	}
	return i
}

func (v *View) pod(ref watch.Ref) *facts.Pod {
	if ref.Kind != "Pod" {
		return nil
	}
	return v.ctx.Snapshot.Pod(ref.Namespace, ref.Name)
}

func (v *View) signOf(tone theme.Tone) string {
	i := v.ctx.Theme.Icons
	switch tone {
	case theme.OK:
		return i.Running
	case theme.Warn:
		return i.NotReady
	case theme.Bad:
		return i.Failing
	}
	return i.Dot
}

// statuses are those of all containers, those that start first at the beginning.
func statuses(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses)
}

func (v *View) containers(ref watch.Ref, p *facts.Pod) []item {
	var items []item
	for _, s := range statuses(p.Object) {
		i := item{line: line{
			id: string(p.Object.UID) + "/" + s.Name, ref: ref, container: s.Name, text: "container " + s.Name,
		}}
		i.state, i.tone = containerState(s)
		i.sign = v.signOf(i.tone)
		if r := s.State.Running; r != nil {
			i.age = facts.Age(v.ctx.Now.Sub(r.StartedAt.Time))
		}
		i.below = v.begun(i.line, v.running[containerID(s)], 0, map[int]bool{})
		items = append(items, i)
	}
	return items
}

// begun are the processes that a process of a container began; 0 is for those that came
// from outside.
func (v *View) begun(of line, all []process.Process, parent int, seen map[int]bool) []item {
	var items []item
	for _, p := range all {
		inside := slices.ContainsFunc(all, func(q process.Process) bool { return q.PID == p.Parent && q.PID != p.PID })
		if seen[p.PID] || p.Parent != parent && (inside || parent != 0) {
			continue
		}
		seen[p.PID] = true
		i := item{line: line{
			id: fmt.Sprintf("%s/%d", of.id, p.PID), ref: of.ref, container: of.container,
			text: fmt.Sprintf("process %d  %s", p.PID, p.Command), state: processState(p.State) + ", " + facts.Bytes(p.Memory),
			tone: theme.Muted, sign: v.ctx.Theme.Icons.Dot,
		}}
		i.below = v.begun(of, all, p.PID, seen)
		items = append(items, i)
	}
	return items
}

func containerID(s corev1.ContainerStatus) string {
	_, id, _ := strings.Cut(s.ContainerID, "://")
	return id
}

// containerIDs are those of the tree's containers that run.
func (v *View) containerIDs() []string {
	var ids []string
	var walk func(n *Node)
	walk = func(n *Node) {
		if p := v.pod(n.Ref); p != nil {
			for _, s := range statuses(p.Object) {
				if s.State.Running != nil && s.ContainerID != "" {
					ids = append(ids, containerID(s))
				}
			}
		}
		for _, o := range n.Owned {
			walk(o)
		}
	}
	if v.tree.Root != nil {
		walk(v.tree.Root)
	}
	return ids
}

func containerState(s corev1.ContainerStatus) (string, theme.Tone) {
	restarts := ""
	if s.RestartCount > 0 {
		restarts = ", " + widget.Plural(int(s.RestartCount), "restart", "restarts")
	}
	switch {
	case s.State.Running != nil && s.Ready:
		return "running" + restarts, theme.OK
	case s.State.Running != nil:
		return "running, not ready" + restarts, theme.Warn
	case s.State.Terminated != nil:
		tone := theme.Muted
		if s.State.Terminated.ExitCode != 0 {
			tone = theme.Bad
		}
		return fmt.Sprintf("ended with exit code %d%s", s.State.Terminated.ExitCode, restarts), tone
	case s.State.Waiting != nil && s.State.Waiting.Reason != "":
		tone := theme.Busy
		if strings.Contains(s.State.Waiting.Reason, "BackOff") || strings.HasPrefix(s.State.Waiting.Reason, "Err") {
			tone = theme.Bad
		}
		return s.State.Waiting.Reason + restarts, tone
	}
	return "waiting" + restarts, theme.Busy
}

func processState(letter string) string {
	switch letter {
	case "R":
		return "runs"
	case "S", "I":
		return "sleeps"
	case "D":
		return "waits for a device"
	case "T", "t":
		return "stopped"
	case "Z":
		return "ended, unreaped"
	}
	return letter
}

// printed is what the server prints of an object, but its name and age, in words.
func printed(columns []metav1.TableColumnDefinition, r resource.Row) (string, theme.Tone) {
	cells := map[string]string{}
	var words []string
	tone := theme.Muted
	for i, c := range columns {
		if i >= len(r.Cells) || c.Priority > 0 || c.Name == "Name" || c.Name == "Age" || r.Cells[i] == "" || strings.HasPrefix(r.Cells[i], "<") {
			continue
		}
		cells[c.Name] = r.Cells[i]
		switch t := resource.ToneOf(c.Name, r.Cells[i]); t {
		case theme.OK, theme.Warn, theme.Bad:
			tone = max(tone, t)
		}
		switch c.Name {
		case "Status", "Phase", "Reason", "State":
			words = append([]string{r.Cells[i]}, words...)
		default:
			words = append(words, strings.ToLower(c.Name)+" "+r.Cells[i])
		}
	}
	if word, t, ok := replicas(cells); ok {
		return word, t
	}
	return strings.Join(words[:min(len(words), 3)], ", "), tone
}

// replicas reads how many of what is wanted is ready, of kinds that have replicas.
func replicas(cells map[string]string) (string, theme.Tone, bool) {
	ready, wanted, ok := strings.Cut(cells["Ready"], "/")
	if !ok && cells["Desired"] != "" {
		ready, wanted = cells["Ready"], cells["Desired"]
	}
	r, err := strconv.Atoi(ready)
	if err != nil {
		return "", theme.Muted, false
	}
	w, err := strconv.Atoi(wanted)
	switch {
	case err != nil:
		return "", theme.Muted, false
	case w == 0 && r == 0:
		return "wants none", theme.Muted, true
	case r < w:
		return fmt.Sprintf("%d of %d ready", r, w), theme.Warn, true
	}
	return fmt.Sprintf("%d of %d ready", r, w), theme.OK, true
}
