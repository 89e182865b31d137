package play

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubarium/cluster/component"
	"kubarium/lessons"
)

// podsPause is how long pods that were deleted may still be seen.
const podsPause = 2 * time.Second

// spacePatience is how long a namespace may take to go, or to be ready: a busy machine ends many
// pods, and asks for each kind of object, one after the other.
const spacePatience = 5 * patience

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

// useNamespace lets kubectl work in a namespace.
func (p *Player) useNamespace(name string) {
	if p.env.Namespace == nil || p.lesson.Namespace == "" {
		return
	}
	if err := p.env.Namespace(name); err != nil {
		p.notice = fmt.Sprintf("kubectl could not be pointed at the namespace %s: %v", name, err)
	}
}

// makeNamespace makes the lesson's namespace, ready for pods.
func (p *Player) makeNamespace(ctx context.Context) error {
	name := p.lesson.Namespace
	if name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, spacePatience)
	defer cancel()
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}
	_, err := p.client.Resource(core("namespaces")).Create(ctx, namespace, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make namespace %s: %w", name, err)
	}
	// Pods need the account that a controller makes, and its root certificate.
	missing := ""
	err = p.wait(ctx, func() bool {
		missing = p.missingIn(name)
		return missing == ""
	})
	if err != nil {
		return fmt.Errorf("make namespace %s: %s does not appear: %w", name, missing, err)
	}
	p.do(func() { p.useNamespace(name) })
	return nil
}

// missingIn names what a new namespace does not have yet, "" if it has all that pods need.
func (p *Player) missingIn(namespace string) string {
	for _, needed := range []struct{ resource, name, what string }{
		{"serviceaccounts", "default", "its service account"},
		{"configmaps", "kube-root-ca.crt", "its root certificate"},
	} {
		if p.store.objects[objectKey{core(needed.resource), namespace, needed.name}] == nil {
			return needed.what
		}
	}
	return ""
}

// tidy undoes all that the lesson did.
func (p *Player) tidy(ctx context.Context) error {
	if err := p.mend(ctx); err != nil {
		return err
	}
	if err := p.act(ctx, p.lesson.Cleanup); err != nil {
		return err
	}
	return p.deleteNamespace(ctx)
}

// leave undoes all that the lesson did, and what was done to the cluster for it.
func (p *Player) leave(ctx context.Context) error {
	return errors.Join(p.tidy(ctx), p.giveBack(ctx))
}

// mend heals and releases what the lesson may have left broken or held.
func (p *Player) mend(ctx context.Context) error {
	for _, mending := range []struct{ word, line string }{
		{"fault", "kubarium fault heal --all"}, {"hold", "kubarium release --all"}, {"clock", "kubarium clock normal"},
	} {
		if !p.lesson.Runs(mending.word) {
			continue
		}
		if err := p.line(ctx, mending.line, false); err != nil {
			return err
		}
	}
	return nil
}

// deleteNamespace deletes the lesson's namespace. What makes pods goes first,
// and pods do not get their 30 seconds: a namespace waits for half of the
// longest of them before it looks again.
func (p *Player) deleteNamespace(ctx context.Context) error {
	name := p.lesson.Namespace
	if name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, spacePatience)
	defer cancel()
	spaces := p.client.Resource(core("namespaces"))
	if _, err := spaces.Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		return nil
	}
	if err := p.empty(ctx, name); err != nil {
		return fmt.Errorf("empty namespace %s: %w", name, err)
	}
	if err := spaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	err := p.wait(ctx, func() bool { return !p.holds(name) })
	if err != nil {
		return fmt.Errorf("delete namespace %s: it is still there: %w", name, err)
	}
	return nil
}

// holds reports whether anything of a namespace is still seen.
func (p *Player) holds(namespace string) bool {
	for k := range p.store.objects {
		if k.resource.Resource != "events" && (k.namespace == namespace || (k.resource == core("namespaces") && k.name == namespace)) {
			return true
		}
	}
	return false
}

// empty deletes what is in a namespace until no pod is left: one that a controller made
// meanwhile would have its 30 seconds, and the namespace wait for half of them.
func (p *Player) empty(ctx context.Context, name string) error {
	for {
		if err := p.deleteContent(ctx, name); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, podsPause)
		err := p.wait(waiting, func() bool {
			for k := range p.store.objects {
				if k.resource == core("pods") && k.namespace == name {
					return false
				}
			}
			return true
		})
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (p *Player) deleteContent(ctx context.Context, namespace string) error {
	background, now := metav1.DeletePropagationBackground, int64(0)
	for _, gvr := range []schema.GroupVersionResource{
		{Group: "batch", Version: "v1", Resource: "cronjobs"},
		{Group: "batch", Version: "v1", Resource: "jobs"},
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apps", Version: "v1", Resource: "replicasets"},
		{Group: "apps", Version: "v1", Resource: "statefulsets"},
		{Group: "apps", Version: "v1", Resource: "daemonsets"},
	} {
		err := p.client.Resource(gvr).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{})
		if err != nil {
			return err
		}
	}
	return p.client.Resource(core("pods")).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
}

// replay brings a step its start: by its own start, or, without one, by the
// solutions of the steps before it.
func (p *Player) replay(ctx context.Context, step *lessons.Step) error {
	if step.Start != nil {
		return p.act(ctx, step.Start)
	}
	return p.stage().playTo(ctx, step)
}

// playTo does what leads to the start of a step; nil is the end.
func (p stage) playTo(ctx context.Context, step *lessons.Step) error {
	for i := range p.lesson.Steps {
		earlier := &p.lesson.Steps[i]
		if earlier == step {
			return nil
		}
		for _, line := range earlier.Solution() {
			exit, output, err := p.kubectl(ctx, line)
			if err == nil && exit != 0 && !earlier.Fails {
				err = fmt.Errorf("%s: %s", line, output)
			}
			if err != nil {
				return err
			}
		}
		if err := p.settle(ctx, earlier); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the objects are as an earlier step left them. Checks of
// what was typed are not asked: nobody typed now; and no probe looks.
func (p stage) settle(ctx context.Context, step *lessons.Step) error {
	limit := patience
	for _, c := range step.Checks {
		limit = max(limit, patience+c.Within)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, c := range step.Checks {
		if c.Mode != lessons.Level || p.lesson.Asks(c.Expr) {
			continue
		}
		err := p.wait(ctx, func() bool {
			ok, err := p.eval.Bool(c.Expr)
			return ok && err == nil
		})
		if err != nil {
			return fmt.Errorf("the state after the step %q does not come back: %s", step.Title, c.Name)
		}
	}
	return nil
}

// fault does something to a node or a component.
func (p *Player) fault(ctx context.Context, kind, name, do string) error {
	if p.env.Control == nil {
		return errors.New("only the app, or root, can stop and start parts of the cluster")
	}
	if do == "start" && p.componentState(ctx, name) == string(component.Ready) {
		return nil
	}
	if kind == "node" {
		err := p.env.Control.Node(ctx, name, do)
		if err != nil && do == "start" && strings.HasSuffix(err.Error(), "runs already") {
			return nil
		}
		return err
	}
	return p.env.Control.Component(ctx, name, do)
}

// componentState is what is known of a node or component.
func (p *Player) componentState(ctx context.Context, name string) string {
	state := ""
	// Until the first report, nothing is known of any.
	_ = p.wait(ctx, func() bool {
		state = p.store.components[name]
		return len(p.store.components) > 0
	})
	return state
}

// watchComponents keeps what component() says up to date.
func (p *Player) watchComponents(ctx context.Context) {
	if p.env.Control == nil {
		return
	}
	// It ends with the context, or with the cluster; then there is nothing to say.
	_ = p.env.Control.Watch(ctx, func(info component.Info) {
		p.do(func() { p.store.components[info.Name] = string(info.State) })
	})
}
