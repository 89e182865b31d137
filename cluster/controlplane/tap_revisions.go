package controlplane

import (
	"context"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
)

// revisionAnnotation and a revision make the key of an audit annotation: a request may
// write more than once.
const revisionAnnotation = "revision.kubarium.dev/"

// revisionTap notes in a request's audit record which revisions it wrote: what joins a
// write to its request for certain. It stands between the registries and their storage.
type revisionTap struct {
	generic.RESTOptionsGetter
	watches *watchTap
}

// GetRESTOptions implements generic.RESTOptionsGetter.
func (t revisionTap) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	options, err := t.RESTOptionsGetter.GetRESTOptions(resource, example)
	if err != nil || options.Decorator == nil {
		return options, err
	}
	decorate := options.Decorator
	options.Decorator = func(config *storagebackend.ConfigForResource, prefix string, key func(runtime.Object) (string, error),
		newFunc, newList func() runtime.Object, attrs storage.AttrFunc, trigger storage.IndexerFuncs, indexers *cache.Indexers,
	) (storage.Interface, factory.DestroyFunc, error) {
		inner, destroy, err := decorate(config, prefix, key, newFunc, newList, attrs, trigger, indexers)
		if err != nil {
			return inner, destroy, err
		}
		return revisionStorage{inner, resource, t.watches}, destroy, nil
	}
	return options, nil
}

type revisionStorage struct {
	storage.Interface
	resource schema.GroupResource
	watches  *watchTap
}

// Watch implements storage.Interface.
func (s revisionStorage) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	inner, err := s.Interface.Watch(ctx, key, opts)
	if err != nil {
		return inner, err
	}
	return s.watches.follow(ctx, inner, s.resource, opts), nil
}

func (s revisionStorage) note(ctx context.Context, written runtime.Object, err error) error {
	if err != nil || written == nil {
		return err
	}
	if revision, err := s.Versioner().ObjectResourceVersion(written); err == nil && revision > 0 {
		audit.AddAuditAnnotation(ctx, revisionAnnotation+strconv.FormatUint(revision, 10), "written")
	}
	return nil
}

// Create implements storage.Interface.
func (s revisionStorage) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	return s.note(ctx, out, s.Interface.Create(ctx, key, obj, out, ttl))
}

// Delete implements storage.Interface.
func (s revisionStorage) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions,
	validate storage.ValidateObjectFunc, cached runtime.Object, opts storage.DeleteOptions,
) error {
	return s.note(ctx, out, s.Interface.Delete(ctx, key, out, preconditions, validate, cached, opts))
}

// GuaranteedUpdate implements storage.Interface. Where nothing is to be changed nothing is written,
// and the object comes back with the revision that it had.
func (s revisionStorage) GuaranteedUpdate(ctx context.Context, key string, destination runtime.Object, ignoreNotFound bool,
	preconditions *storage.Preconditions, tryUpdate storage.UpdateFunc, cached runtime.Object,
) error {
	var had uint64
	update := func(input runtime.Object, meta storage.ResponseMeta) (runtime.Object, *uint64, error) {
		had = meta.ResourceVersion
		return tryUpdate(input, meta)
	}
	err := s.Interface.GuaranteedUpdate(ctx, key, destination, ignoreNotFound, preconditions, update, cached)
	if has, failed := s.Versioner().ObjectResourceVersion(destination); failed == nil && has == had {
		return err
	}
	return s.note(ctx, destination, err)
}
