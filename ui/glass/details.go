package glass

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"sigs.k8s.io/yaml"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
	"kubarium/ui/document"
	"kubarium/ui/widget"
)

// valueTime bounds a question to etcd.
const valueTime = 5 * time.Second

// show shows the selected event in detail.
func (v *View) show() tea.Cmd {
	e, ok := v.flows[v.focus].selected()
	if !ok {
		return nil
	}
	v.open, v.entry, v.entryErr, v.watchers = &e, nil, nil, nil
	v.doc = document.View{}
	v.SetSize(v.w, v.h)
	v.refresh()
	if e.Component == "kube-apiserver" {
		return v.findWatchers(e)
	}
	return v.readValue(e)
}

// readValue reads what a write wrote.
func (v *View) readValue(e trace.Event) tea.Cmd {
	revision, err := strconv.ParseInt(e.Fields["revision"], 10, 64)
	if e.Component != "etcd" || v.sources.Value == nil || err != nil {
		return nil
	}
	if e.Verb == "delete" {
		// What was deleted is seen as it was before.
		if revision, err = strconv.ParseInt(e.Fields["previous"], 10, 64); err != nil {
			return nil
		}
	}
	read, life := v.sources.Value, v.life
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, valueTime)
		defer cancel()
		entry, err := read(ctx, e.Fields["key"], revision)
		return valueMsg{v, e.Seq, entry, err}
	}
}

// findWatchers looks in the whole trace for who was told of what a request wrote: the pane
// may not show that.
func (v *View) findWatchers(e trace.Event) tea.Cmd {
	revisions := strings.Split(e.Fields["revisions"], ",")
	if v.sources.Flow == nil || e.Fields["revisions"] == "" {
		return nil
	}
	tells := func(at int, n trace.Event) bool {
		return at == requests && n.Verb == "notify" && slices.Contains(revisions, n.Fields["revision"])
	}
	read, life := v.sources.Flow, v.life
	return func() tea.Msg {
		batch, _ := read(life, Want{likely: tells, shows: tells})
		var to []string
		for _, n := range batch.events[requests] {
			to = append(to, strings.Split(n.Fields["to"], ", ")...)
		}
		return toldMsg{v, e.Seq, to}
	}
}

// showQueues shows what waits.
func (v *View) showQueues() tea.Cmd {
	v.queued = true
	v.doc = document.View{}
	v.SetSize(v.w, v.h)
	v.refresh()
	return nil
}

// refresh writes anew what is shown in detail.
func (v *View) refresh() {
	switch {
	case v.queued:
		v.doc.Set(document.Read(v.waits()))
	case v.open != nil && v.bytes && v.entry != nil:
		v.doc.Set(document.Read(hex.Dump(v.entry.Value)))
	case v.open != nil:
		v.doc.Set(document.Read(v.describe(*v.open)))
	}
}

// page is a text in YAML, of which the order is ours.
type page struct{ strings.Builder }

func (p *page) put(key string, value any) {
	switch value := value.(type) {
	case string:
		if value == "" {
			return
		}
	case []string:
		if len(value) == 0 {
			return
		}
	}
	text, err := yaml.Marshal(map[string]any{key: value})
	if err != nil {
		text = []byte(key + ": " + strconv.Quote(err.Error()) + "\n")
	}
	p.Write(text)
}

// block puts lines as they are.
func (p *page) block(key string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.WriteString(key + ": |-\n")
	for _, line := range lines {
		p.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
}

// told are the fields that describe writes in words of their own.
var told = []string{
	"admission", "authentication", "authorization.k8s.io/reason", "authorization.k8s.io/decision", "allowedBy", "rule", "code", "latency", "path",
	"diff", "key", "revision", "previous", "size", "lease", "nodes", "filters", "skipped", "weights", "message", "source", "verbosity", "to", "watchers", "revisions",
}

func (v *View) describe(e trace.Event) string {
	p := &page{}
	p.put("time", e.Time.In(v.ctx.Now.Location()).Format("2006-01-02 15:04:05.000000"))
	p.put("component", e.Component)
	p.put("verb", e.Verb)
	p.put("object", e.Object.String())
	p.put("who", e.Actor)
	p.put("program", e.Agent)
	switch e.Component {
	case "kube-apiserver":
		v.describeRequest(p, e)
	case "etcd":
		v.describeWrite(p, e)
	case "kube-scheduler":
		if !trace.IsAttempt(e) {
			p.put("what", e.Detail)
			break
		}
		describeAttempt(p, e)
	case "kube-controller-manager":
		p.put("says", e.Fields["message"])
		p.put("line", e.Fields["source"])
	default:
		p.put("what", e.Detail)
	}
	rest := map[string]string{}
	for name, value := range e.Fields {
		if !slices.Contains(told, name) && value != "" {
			rest[strings.TrimPrefix(name, "value.")] = value
		}
	}
	if len(rest) > 0 {
		p.put("facts", rest)
	}
	if e.Object.UID != "" {
		p.put("uid", e.Object.UID)
	}
	return p.String()
}

func (v *View) describeRequest(p *page, e trace.Event) {
	f := e.Fields
	if e.Verb == "notify" {
		p.put("revision", f["revision"])
		p.put("watchers", f["watchers"])
		p.put("to", strings.Split(f["to"], ", "))
		return
	}
	p.put("path", f["path"])
	p.put("knownBy", f["authentication"])
	p.put("allowed", cmp.Or(f["authorization.k8s.io/reason"], f["allowedBy"]))
	p.put("rule", f["rule"])
	if list, err := e.Admissions(); err == nil && len(list) > 0 {
		changed := map[string]any{}
		for _, a := range list {
			changed[a.Plugin] = a.Changes
			if a.Refused != "" {
				changed[a.Plugin] = "refused: " + a.Refused
			}
		}
		p.put("admission", changed)
	}
	p.put("answer", f["code"])
	p.put("took", f["latency"])
	p.put("message", f["message"])
	if f["revisions"] != "" {
		p.put("wroteRevisions", strings.Split(f["revisions"], ","))
	}
	p.put("toldWatchers", v.watchers)
}

func (v *View) describeWrite(p *page, e trace.Event) {
	f := e.Fields
	p.put("key", f["key"])
	p.put("revision", f["revision"])
	p.put("revisionBefore", f["previous"])
	p.put("bytes", f["size"])
	p.put("lease", f["lease"])
	if f["diff"] != "" {
		p.put("changes", strings.Split(f["diff"], "\n"))
	}
	switch {
	case v.entryErr != nil:
		p.put("value", "not to be had: "+v.entryErr.Error())
	case v.entry != nil:
		object, err := stored.Decode(v.entry.Value)
		if err != nil {
			p.put("value", "not to be read: "+err.Error())
			return
		}
		p.put("value", object.Object)
	}
}

func describeAttempt(p *page, e trace.Event) {
	attempt, err := trace.AttemptOf(e)
	if err != nil {
		p.put("what", e.Detail)
		p.put("trouble", err.Error())
		return
	}
	p.put("sentence", attempt.Tell(1)[0])
	two := attempt.Tell(2)
	p.put("decided", two[1:])
	p.block("table", attempt.Tell(3)[len(two):])
}

// waits tells what is in the queues.
func (v *View) waits() string {
	p := &page{}
	if v.pendingErr != nil {
		p.put("scheduler", "not to be had: "+v.pendingErr.Error())
	} else {
		p.block("scheduler", v.waitingPods())
	}
	if v.queuesErr != nil {
		p.put("controllers", "not to be had: "+v.queuesErr.Error())
	} else {
		p.block("controllers", v.waitingWork())
	}
	return p.String()
}

// waitingPods tells what the scheduler has yet to place.
func (v *View) waitingPods() []string {
	if len(v.pending) == 0 {
		return []string{"no pod waits for a node"}
	}
	var lines []string
	for _, pod := range v.pending {
		why := cmp.Or(pod.Why, "not looked at yet")
		if len(pod.Gates) > 0 {
			why = "scheduling gates: " + strings.Join(pod.Gates, ", ")
		}
		text := fmt.Sprintf("%s/%s: %s", pod.Namespace, pod.Name, why)
		if len(pod.Plugins) > 0 {
			text += fmt.Sprintf("\nrefused by %s, attempts: %d", strings.Join(pod.Plugins, ", "), pod.Attempts)
		}
		queue := pod.Queue
		for _, line := range widget.Lines(text, max(20, v.w-24)) {
			lines = append(lines, fmt.Sprintf("%-14s %s", queue, line))
			queue = ""
		}
	}
	return lines
}

// waitingWork tells of the controllers' queues, those with most to do first.
func (v *View) waitingWork() []string {
	queues := slices.DeleteFunc(slices.Clone(v.queues), func(q trace.WorkQueue) bool { return q.Adds == 0 })
	slices.SortStableFunc(queues, func(a, b trace.WorkQueue) int { return cmp.Compare(b.Depth, a.Depth) })
	// Long names make way for the numbers.
	const numbers = 33 + 8
	name := len("QUEUE")
	for _, q := range queues {
		name = max(name, len(q.Name))
	}
	name = max(10, min(name, v.w-numbers))
	row := func(queue, wait, came, retried, working string) string {
		return fmt.Sprintf("%s %5s %7s %8s %8s", widget.Fit(queue, name, v.ctx.Theme.Icons.Ellipsis), wait, came, retried, working)
	}
	lines := []string{row("QUEUE", "WAIT", "CAME", "RETRIED", "WORKING")}
	for _, q := range queues {
		lines = append(lines, row(q.Name, fmt.Sprint(q.Depth), fmt.Sprint(q.Adds), fmt.Sprint(q.Retries), fmt.Sprintf("%.1fs", q.Working)))
	}
	return lines
}
