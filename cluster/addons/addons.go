// Package addons applies what makes a bare cluster whole: cluster DNS, and what the
// cluster's services need to be known to the API server.
package addons

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// fieldManager owns the fields that we apply; what a learner changes beside them stays.
const fieldManager = "kubarium"

//go:embed manifests/*.yaml
var manifests embed.FS

// always is the manifest that no cluster is without.
const always = "coredns"

// Apply brings the add-ons into the cluster, by server-side apply, and takes out what
// is disabled. It is to be called at each start: what a learner broke is mended. The
// manifest of an add-on bears its name.
func Apply(ctx context.Context, config *rest.Config, disabled []string) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client for add-ons: %w", err)
	}
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil {
		return fmt.Errorf("list add-ons: %w", err)
	}
	// One that fails keeps none of the others back.
	var errs []error
	for _, file := range files {
		do := apply
		if slices.Contains(disabled, nameOf(file)) {
			do = remove
		}
		errs = append(errs, forEach(ctx, client, file, do))
	}
	return errors.Join(errs...)
}

// nameOf returns the name of the add-on that a manifest is for.
func nameOf(file string) string { return strings.TrimSuffix(path.Base(file), ".yaml") }

type action func(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error

func forEach(ctx context.Context, client dynamic.Interface, file string, do action) error {
	objects, err := read(file)
	if err != nil {
		return err
	}
	for _, object := range objects {
		resource, err := resourceOf(object.GroupVersionKind())
		if err == nil {
			err = do(ctx, client.Resource(resource).Namespace(object.GetNamespace()), object)
		}
		if err != nil {
			return fmt.Errorf("add-on %s: %s %s: %w", nameOf(file), object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

func read(file string) ([]*unstructured.Unstructured, error) {
	data, err := manifests.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read add-on: %w", err)
	}
	objects, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("parse add-on %s: %w", nameOf(file), err)
	}
	return objects, nil
}

func parse(data []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); err != nil {
			if errors.Is(err, io.EOF) {
				return objects, nil
			}
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// apply tries again for a while: in the first second of a cluster's life a namespace
// or an admission plugin may not be ready for the object.
func apply(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, last = target.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// remove deletes what an earlier start, with the add-on, left.
func remove(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	err := target.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// resourceOf names the resource of a kind without asking discovery, which is not
// complete in the API server's first moments.
func resourceOf(kind schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	if kind.Empty() {
		return schema.GroupVersionResource{}, errors.New("object without a kind")
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural, nil
}
