package addons

import (
	"bytes"
	"io/fs"
	"net/netip"
	"path"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestCheckNames(t *testing.T) {
	if err := CheckNames(Names()); err != nil {
		t.Errorf("known names: %v", err)
	}
	if err := CheckNames(nil); err != nil {
		t.Errorf("no names: %v", err)
	}
	err := CheckNames([]string{LoadBalancer, "balancer"})
	if err == nil || !strings.Contains(err.Error(), `"balancer"`) || !strings.Contains(err.Error(), LoadBalancer) {
		t.Errorf("an unknown name: %v", err)
	}
}

// TestManifests proves that every manifest parses.
func TestManifests(t *testing.T) {
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".yaml")
		objects, err := read(name, Values{CA: []byte("certificate"), DNS: netip.MustParseAddr("10.97.0.10"), Router: netip.MustParseAddr("10.90.0.1")})
		if err != nil || len(objects) == 0 {
			t.Errorf("%s: %d objects: %v", name, len(objects), err)
		}
		for _, object := range objects {
			if told, _ := object.MarshalJSON(); bytes.Contains(told, []byte("${")) {
				t.Errorf("%s: %s has a value that nobody gives: %s", name, object.GetName(), told)
			}
			if _, err := resourceOf(object.GroupVersionKind()); err != nil {
				t.Errorf("%s: %s: %v", name, object.GetName(), err)
			}
		}
	}
}

// TestGatewayAPI proves that each resource has but the version that is stored, save the
// one of which the controller wants the old one.
func TestGatewayAPI(t *testing.T) {
	objects, err := read(GatewayAPI, Values{})
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 7 {
		t.Errorf("%d resources, want 7", len(objects))
	}
	for _, o := range objects {
		versions, _, err := unstructured.NestedSlice(o.Object, "spec", "versions")
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		if o.GetName() == "referencegrants.gateway.networking.k8s.io" {
			want = 2
		}
		if len(versions) != want || o.GetKind() != "CustomResourceDefinition" {
			t.Errorf("%s %s has %d versions, want %d", o.GetKind(), o.GetName(), len(versions), want)
		}
	}
}
