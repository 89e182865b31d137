package lessons

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Resource is a kind of object as the API server serves it.
type Resource struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
}

// resources knows the built-in resources by name and by kind. It is made from
// the client's own types, so that a lesson is checked without a cluster.
type resources struct {
	byName map[string]Resource
	byKind map[schema.GroupKind]Resource
}

// builtIn are the built-in resources. Nobody changes them, and to make them takes longer
// than to read a lesson.
var builtIn = sync.OnceValue(newResources)

func newResources() *resources {
	r := &resources{byName: map[string]Resource{}, byKind: map[schema.GroupKind]Resource{}}
	// The core group first: "events" means the core ones.
	r.addVersions(schema.GroupVersion{Version: "v1"})
	versions := scheme.Scheme.PrioritizedVersionsAllGroups()
	// What is stable is what servers serve, whichever version the client prefers.
	slices.SortStableFunc(versions, func(a, b schema.GroupVersion) int {
		return cmp.Compare(unstable(a.Version), unstable(b.Version))
	})
	for _, gv := range versions {
		// No server has served this group for years; its kinds have moved.
		if gv.Group == "extensions" {
			continue
		}
		r.addVersions(gv)
	}
	return r
}

// unstable is 1 for versions such as v1beta1, which a server need not serve.
func unstable(version string) int {
	if strings.Contains(version, "beta") || strings.Contains(version, "alpha") {
		return 1
	}
	return 0
}

func (r *resources) addVersions(gv schema.GroupVersion) {
	types := scheme.Scheme.KnownTypes(gv)
	for kind := range types {
		if _, isObject := types[kind+"List"]; !isObject {
			continue
		}
		gvr, _ := meta.UnsafeGuessKindToResource(gv.WithKind(kind))
		res := Resource{GroupVersionResource: gvr, Kind: kind, Namespaced: !clusterScoped(gvr.Resource)}
		setDefault(r.byName, gvr.Resource, res)
		setDefault(r.byName, gvr.GroupResource().String(), res)
		setDefault(r.byKind, schema.GroupKind{Group: gv.Group, Kind: kind}, res)
	}
}

func setDefault[K comparable](m map[K]Resource, key K, value Resource) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

// find resolves "pods", "deployments.apps", or "widgets.v1.example.com" for a
// resource that is not built in.
func (r *resources) find(name string) (Resource, error) {
	if res, ok := r.byName[name]; ok {
		return res, nil
	}
	parts := strings.SplitN(name, ".", 3)
	if len(parts) == 3 && regexp.MustCompile(`^v[0-9]`).MatchString(parts[1]) {
		gvr := schema.GroupVersionResource{Group: parts[2], Version: parts[1], Resource: parts[0]}
		return Resource{GroupVersionResource: gvr, Namespaced: true}, nil
	}
	known := make([]string, 0, len(r.byName))
	for k := range r.byName {
		if !strings.Contains(k, ".") {
			known = append(known, k)
		}
	}
	hint := suggest(name, known)
	if strings.HasPrefix(hint, "; known") {
		hint = "; use the plural as in kubectl get, or RESOURCE.VERSION.GROUP for a custom one"
	}
	return Resource{}, fmt.Errorf("unknown resource %q%s", name, hint)
}

// forKind resolves the kind of a manifest.
func (r *resources) forKind(gvk schema.GroupVersionKind) Resource {
	if res, ok := r.byKind[gvk.GroupKind()]; ok {
		res.Version = gvk.Version
		return res
	}
	gvr, _ := meta.UnsafeGuessKindToResource(gvk)
	// The library makes gatewaies of a Gateway.
	if kind := strings.ToLower(gvk.Kind); regexp.MustCompile(`[aeiou]y$`).MatchString(kind) {
		gvr.Resource = kind + "s"
	}
	return Resource{GroupVersionResource: gvr, Kind: gvk.Kind, Namespaced: true}
}

// clusterScoped says whether a built-in resource has no namespace. The
// client's types don't tell.
func clusterScoped(resource string) bool {
	switch resource {
	case "namespaces", "nodes", "persistentvolumes", "componentstatuses",
		"clusterroles", "clusterrolebindings",
		"storageclasses", "volumeattachments", "csidrivers", "csinodes", "volumeattributesclasses",
		"ingressclasses", "ipaddresses", "servicecidrs",
		"priorityclasses", "runtimeclasses", "deviceclasses", "resourceslices",
		"flowschemas", "prioritylevelconfigurations",
		"certificatesigningrequests", "clustertrustbundles",
		"validatingwebhookconfigurations", "mutatingwebhookconfigurations",
		"validatingadmissionpolicies", "validatingadmissionpolicybindings",
		"mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
		"storageversions", "storageversionmigrations", "devicetaintrules":
		return true
	}
	return false
}
