package detail

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

func (v *View) name() string {
	if v.component != "" {
		return v.component
	}
	if v.ref.Namespace != "" {
		return v.ref.Namespace + " " + v.ref.String()
	}
	return v.ref.String()
}

func (v *View) tabLine() string {
	t := v.ctx.Theme
	var parts []string
	for _, tab := range v.tabs {
		if tab == v.tab {
			parts = append(parts, t.Selected.Bold().Render(" "+string(tab)+" "))
		} else {
			parts = append(parts, t.Tone(theme.Muted).Render(" "+string(tab)+" "))
		}
	}
	return strings.Join(parts, t.Border.Render(t.Icons.Separator))
}

func (v *View) summary() string {
	t := v.ctx.Theme
	muted := t.Tone(theme.Muted)
	join := func(parts ...string) string {
		return strings.Join(parts, muted.Render("  "+t.Icons.Dot+"  "))
	}
	if v.component != "" {
		i, _ := v.ctx.Component(v.component)
		sign, tone := pane.ComponentSign(v.ctx, i.State)
		out := join(t.Tone(tone).Render(sign+" "+string(i.State)), muted.Render(i.Purpose))
		if i.Message != "" {
			out = join(out, t.Tone(theme.Warn).Render(widget.Clean(i.Message)))
		}
		return out
	}
	if v.gone() {
		return t.Tone(theme.Warn).Render(t.Icons.Terminating+" gone") + muted.Render("  what it was is below")
	}
	switch v.ref.Kind {
	case "Pod":
		if f := v.ctx.Snapshot.Pod(v.ref.Namespace, v.ref.Name); f != nil {
			sign, tone := pane.PodSign(v.ctx, f.State)
			where := "no node yet"
			if f.Object.Spec.NodeName != "" {
				where = "on " + f.Object.Spec.NodeName
			}
			return join(t.Tone(tone).Render(sign+" "+f.Word), muted.Render(fmt.Sprintf("%d of %d ready", f.Ready, f.Total)),
				muted.Render(where), muted.Render("age "+facts.Age(v.ctx.Now.Sub(f.Object.CreationTimestamp.Time))))
		}
	case "Node":
		for _, n := range v.ctx.Snapshot.Nodes {
			if n.Object.Name == v.ref.Name {
				sign, tone := pane.PodSign(v.ctx, n.State)
				return join(t.Tone(tone).Render(sign+" "+n.Word), muted.Render(widget.Plural(len(n.Pods), "pod", "pods")),
					muted.Render("cpu "+facts.Cores(n.CPU.Requested)+" of "+facts.Cores(n.CPU.Allocatable)),
					muted.Render("memory "+facts.Bytes(n.Memory.Requested)+" of "+facts.Bytes(n.Memory.Allocatable)))
			}
		}
	case "Service":
		for _, s := range v.ctx.Snapshot.Services {
			if s.Object.Namespace == v.ref.Namespace && s.Object.Name == v.ref.Name {
				return join(t.Text.Render(string(s.Object.Spec.Type)), muted.Render(s.Address()+" "+s.Ports),
					muted.Render(fmt.Sprintf("%d of %s ready", s.Ready, widget.Plural(s.Total, "endpoint", "endpoints"))))
			}
		}
	}
	switch o := v.ctx.Snapshot.Get(v.ref).(type) {
	case *appsv1.Deployment:
		return join(muted.Render(replicas(o.Status.ReadyReplicas, o.Spec.Replicas)), muted.Render(fmt.Sprintf("%d up to date", o.Status.UpdatedReplicas)))
	case *appsv1.ReplicaSet:
		return muted.Render(replicas(o.Status.ReadyReplicas, o.Spec.Replicas))
	}
	return muted.Render(v.name())
}

func replicas(ready int32, wanted *int32) string {
	n := int32(1)
	if wanted != nil {
		n = *wanted
	}
	return fmt.Sprintf("%d of %s ready", ready, widget.Plural(int(n), "replica", "replicas"))
}
