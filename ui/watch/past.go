package watch

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

// ErrTooOld says that the API server no longer knows that time.
var ErrTooOld = errors.New("the history of that time is gone: etcd keeps five to ten minutes")

// At is the cluster as it was at a resource version: lists with
// resourceVersionMatch=Exact, which the API server answers as long as etcd has the
// history.
func At(ctx context.Context, client kubernetes.Interface, namespace string, version int64) (*Snapshot, error) {
	options := metav1.ListOptions{
		ResourceVersion: strconv.FormatInt(version, 10), ResourceVersionMatch: metav1.ResourceVersionMatchExact,
	}
	core, apps := client.CoreV1(), client.AppsV1()
	lists := []func(context.Context) (runtime.Object, error){
		func(ctx context.Context) (runtime.Object, error) { return core.Nodes().List(ctx, options) },
		func(ctx context.Context) (runtime.Object, error) { return core.Pods(namespace).List(ctx, options) },
		func(ctx context.Context) (runtime.Object, error) { return core.Services(namespace).List(ctx, options) },
		func(ctx context.Context) (runtime.Object, error) { return core.Events(namespace).List(ctx, options) },
		func(ctx context.Context) (runtime.Object, error) {
			return apps.Deployments(namespace).List(ctx, options)
		},
		func(ctx context.Context) (runtime.Object, error) {
			return apps.ReplicaSets(namespace).List(ctx, options)
		},
		func(ctx context.Context) (runtime.Object, error) {
			return client.DiscoveryV1().EndpointSlices(namespace).List(ctx, options)
		},
	}
	found := make([][]runtime.Object, len(lists))
	group, ctx := errgroup.WithContext(ctx)
	for i, list := range lists {
		group.Go(func() error {
			answer, err := list(ctx)
			if err == nil {
				found[i], err = meta.ExtractList(answer)
			}
			return err
		})
	}
	switch err := group.Wait(); {
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return nil, ErrTooOld
	case err != nil:
		return nil, fmt.Errorf("read the cluster as it was: %w", err)
	}
	var objects []runtime.Object
	for _, list := range found {
		objects = append(objects, list...)
	}
	return New(objects...), nil
}
