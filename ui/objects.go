package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi/cached"
	explain "k8s.io/kubectl/pkg/explain/v2"

	"kubarium/ui/resource"
	"kubarium/ui/watch"
)

// Events implements detail.Backend. Events about what is in no namespace are in another one.
func (b *backend) Events(ctx context.Context, ref watch.Ref) ([]*corev1.Event, error) {
	if b.client == nil {
		return nil, errNotConnected
	}
	kind, _, _ := strings.Cut(ref.Kind, ".")
	about := fields.Set{"involvedObject.kind": kind, "involvedObject.name": ref.Name}
	if ref.Namespace != "" {
		about["involvedObject.namespace"] = ref.Namespace
	}
	found, err := b.client.CoreV1().Events(ref.Namespace).List(ctx, metav1.ListOptions{FieldSelector: about.String()})
	if err != nil {
		return nil, err
	}
	list := make([]*corev1.Event, len(found.Items))
	for i := range found.Items {
		list[i] = &found.Items[i]
	}
	return list, nil
}

// schemas keeps what the server says of its kinds' fields, which is large, as long as its kinds are
// the same. A client that has failed once goes on to do so: it is not kept.
type schemas struct {
	mu      sync.Mutex
	client  openapi.Client
	catalog *resource.Catalog // as of client
}

// of is the client for the kinds of a catalog; one that keeps nothing yet is made by fresh.
func (s *schemas) of(catalog *resource.Catalog, fresh func() openapi.Client) openapi.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil || !s.catalog.Same(catalog) {
		s.client = cached.NewClient(fresh())
	}
	s.catalog = catalog
	return s.client
}

// forget has the next question asked anew.
func (s *schemas) forget(client openapi.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == client {
		s.client = nil
	}
}

var errNoKinds = errors.New("the API server has not told its kinds yet")

// kind is the kind of an object, as the server has it.
func (b *backend) kind(ref watch.Ref) (resource.Kind, error) {
	catalog := b.kinds.Load()
	if catalog == nil {
		return resource.Kind{}, errNoKinds
	}
	k, ok := catalog.Of(ref)
	if !ok {
		return k, fmt.Errorf("the API server has no kind %s", ref.Kind)
	}
	return k, nil
}

// resource is the part of the API that an object is in.
func (b *backend) resource(ref watch.Ref) (dynamic.ResourceInterface, error) {
	if b.config == nil {
		return nil, errNotConnected
	}
	k, err := b.kind(ref)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(b.config)
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", k.Title(), err)
	}
	if k.Namespaced {
		return client.Resource(k.GroupVersionResource).Namespace(ref.Namespace), nil
	}
	return client.Resource(k.GroupVersionResource), nil
}

// Object implements detail.Backend.
func (b *backend) Object(ctx context.Context, ref watch.Ref) (*unstructured.Unstructured, error) {
	r, err := b.resource(ref)
	if err != nil {
		return nil, err
	}
	return r.Get(ctx, ref.Name, metav1.GetOptions{})
}

// Explain implements detail.Backend, with kubectl's own words.
func (b *backend) Explain(ctx context.Context, ref watch.Ref, field []string) (string, error) {
	if b.client == nil {
		return "", errNotConnected
	}
	k, err := b.kind(ref)
	if err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1) // kubectl's explain does not look at a context
	go func() {
		var out bytes.Buffer
		client := b.schemas.of(b.kinds.Load(), b.client.Discovery().OpenAPIV3)
		err := explain.PrintModelDescription(field, &out, client, k.GroupVersionResource, false, 0, "plaintext")
		if err != nil {
			b.schemas.forget(client)
		}
		answers <- answer{out.String(), err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return "", fmt.Errorf("explain: %w", ctx.Err())
	}
}

// Update implements detail.Backend. A dry run goes all the way through the server but to
// etcd. Fields that the server does not know are errors.
func (b *backend) Update(ctx context.Context, ref watch.Ref, o *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error) {
	r, err := b.resource(ref)
	if err != nil {
		return nil, err
	}
	options := metav1.UpdateOptions{FieldManager: "kubarium-edit", FieldValidation: metav1.FieldValidationStrict}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return r.Update(ctx, o, options)
}
