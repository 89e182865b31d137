package play

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"kubarium/lessons"
)

// retryPause is how long an API server that is too busy is left alone.
const retryPause = time.Second

func (p stage) apply(ctx context.Context, file string) error {
	objects, err := p.lesson.Objects(file)
	if err != nil {
		return err
	}
	for _, o := range objects {
		res := lessons.ResourceOf(o)
		applied, err := p.applied(ctx, res, o)
		if err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
		err = p.wait(ctx, func() bool {
			seen := p.store.objects[objectKey{res.GroupVersionResource, o.GetNamespace(), o.GetName()}]
			return seen != nil && seen.GetUID() == applied.GetUID() && seen.GetGeneration() >= applied.GetGeneration()
		})
		if err != nil {
			return fmt.Errorf("apply %s: %s/%s is not seen in the cluster: %w", file, res.Resource, o.GetName(), err)
		}
	}
	return nil
}

// applied applies an object, and again while the API server, or etcd behind it, is too busy:
// the same twice does no harm.
func (p *Player) applied(ctx context.Context, res lessons.Resource, o *unstructured.Unstructured) (applied *unstructured.Unstructured, err error) {
	ended := wait.PollUntilContextCancel(ctx, retryPause, true, func(ctx context.Context) (bool, error) {
		applied, err = p.api(res, o.GetNamespace()).Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return !tooBusy(err), nil
	})
	return applied, cmp.Or(err, ended)
}

// tooBusy reports whether a request may be answered if it is made once more.
func tooBusy(err error) bool {
	return apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		// What etcd did not do in time is an internal error, by its text alone.
		apierrors.IsInternalError(err) && strings.Contains(err.Error(), "etcdserver: ")
}

func (p *Player) delete(ctx context.Context, ref *lessons.Ref) error {
	res, err := lessons.FindResource(ref.Resource)
	if err != nil {
		return err
	}
	// Foreground: gone means that what it owned is gone too. The grace period
	// concerns pods only; the learner should not wait 30 s for a reset.
	grace, policy := int64(1), metav1.DeletePropagationForeground
	err = p.api(res, ref.Namespace).Delete(ctx, ref.Name, metav1.DeleteOptions{GracePeriodSeconds: &grace, PropagationPolicy: &policy})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s %s: %w", ref.Resource, ref.Name, err)
	}
	key := objectKey{res.GroupVersionResource, ref.Namespace, ref.Name}
	var last *unstructured.Unstructured
	err = p.wait(ctx, func() bool {
		last = p.store.objects[key]
		return last == nil
	})
	if err != nil {
		return fmt.Errorf("delete %s %s: it is still there: %w", ref.Resource, ref.Name, err)
	}
	return nil
}

func (p *Player) api(res lessons.Resource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return p.client.Resource(res.GroupVersionResource)
	}
	return p.client.Resource(res.GroupVersionResource).Namespace(namespace)
}
