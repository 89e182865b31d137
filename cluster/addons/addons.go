// Package addons applies what makes a bare cluster whole: cluster DNS.
package addons

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

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

// Apply brings the add-ons into the cluster, by server-side apply. It is to be
// called at each start: what a learner broke is mended.
func Apply(ctx context.Context, config *rest.Config) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client for add-ons: %w", err)
	}
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil {
		return fmt.Errorf("list add-ons: %w", err)
	}
	for _, file := range files {
		data, err := manifests.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read add-on: %w", err)
		}
		objects, err := parse(data)
		if err != nil {
			return fmt.Errorf("parse add-on %s: %w", file, err)
		}
		for _, object := range objects {
			if err := apply(ctx, client, object); err != nil {
				return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
			}
		}
	}
	return nil
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
func apply(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured) error {
	resource, err := resourceOf(object.GroupVersionKind())
	if err != nil {
		return err
	}
	target := client.Resource(resource).Namespace(object.GetNamespace())
	var last error
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, last = target.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
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
