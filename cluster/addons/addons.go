// Package addons applies what makes a bare cluster whole: cluster DNS, and what the
// cluster's services need to be known to the API server.
package addons

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
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

// Apply brings what the named manifests say into the cluster, by server-side apply. It
// is to be called at each start: what a learner broke is mended.
func Apply(ctx context.Context, config *rest.Config, values Values, names ...string) error {
	return forAll(ctx, config, values, names, apply)
}

// Values are what differs from cluster to cluster, and manifests refer to.
type Values struct {
	// CA is the certificate of the cluster's authority.
	CA []byte
	// DNS is the address of the cluster's DNS service, and Router where the nodes reach
	// what runs in the program.
	DNS, Router netip.Addr
}

// in replaces what stands for the values in a manifest.
func (v Values) in(manifest []byte) []byte {
	return []byte(strings.NewReplacer(
		"${CA_BUNDLE}", base64.StdEncoding.EncodeToString(v.CA),
		"${CLUSTER_DNS}", v.DNS.String(), "${ROUTER}", v.Router.String(),
	).Replace(string(manifest)))
}

// Remove takes out of the cluster what an earlier start applied.
func Remove(ctx context.Context, config *rest.Config, names ...string) error {
	return forAll(ctx, config, Values{}, names, remove)
}

func forAll(ctx context.Context, config *rest.Config, values Values, names []string, do action) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client for add-ons: %w", err)
	}
	// One that fails keeps none of the others back.
	var errs []error
	for _, name := range names {
		errs = append(errs, forEach(ctx, client, name, values, do))
	}
	return errors.Join(errs...)
}

type action func(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error

func forEach(ctx context.Context, client dynamic.Interface, name string, values Values, do action) error {
	objects, err := read(name, values)
	if err != nil {
		return err
	}
	for _, object := range objects {
		resource, err := resourceOf(object.GroupVersionKind())
		if err == nil {
			err = do(ctx, client.Resource(resource).Namespace(object.GetNamespace()), object)
		}
		if err != nil {
			return fmt.Errorf("add-on %s: %s %s: %w", name, object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

func read(name string, values Values) ([]*unstructured.Unstructured, error) {
	if name == GatewayAPI {
		return gatewayAPI()
	}
	data, err := manifests.ReadFile("manifests/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("read add-on: %w", err)
	}
	objects, err := parse(values.in(data))
	if err != nil {
		return nil, fmt.Errorf("parse add-on %s: %w", name, err)
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
	if object.GetKind() == "CustomResourceDefinition" {
		// With it, all that somebody made of it would be gone.
		return nil
	}
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
