package rewind

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

func keyed(t *testing.T, values map[string]string) State {
	t.Helper()
	s := State{Keys: map[string]KV{}}
	for key, value := range values {
		s.Keys[registry+key] = KV{Key: registry + key, Value: []byte(value), Revision: 1}
	}
	return s
}

// address is the key of a Service's address.
func address(t *testing.T, s State, ip, namespace, service string) {
	t.Helper()
	key := addressKeys + ip
	object := &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: ip},
		Spec:       networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: namespace, Name: service}},
	}
	object.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("IPAddress"))
	var value bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(object, &value); err != nil {
		t.Fatal(err)
	}
	s.Keys[key] = KV{Key: key, Value: value.Bytes(), Revision: 1}
}

func TestOnlyOneNamespaceIsBroughtBack(t *testing.T) {
	now := keyed(t, map[string]string{
		"configmaps/shop/a": "new", "configmaps/shop/later": "x", "configmaps/other/a": "new",
		"example.com/widgets/shop/w": "new", "example.com/widgets/other/w": "new", "example.com/shops/shop": "new",
		"services/specs/other/web": "new", "clusterroles/shop": "new", "namespaces/other": "new",
	})
	then := keyed(t, map[string]string{
		"configmaps/shop/a": "old", "configmaps/other/a": "old", "configmaps/other/gone": "old",
		"example.com/widgets/shop/w": "old", "example.com/widgets/other/w": "old", "example.com/shops/shop": "old",
		"services/specs/shop/web": "old", "services/specs/other/web": "old", "clusterroles/shop": "old", "namespaces/shop": "old",
	})
	address(t, now, "10.96.0.9", "shop", "later")
	address(t, then, "10.96.0.7", "shop", "web")
	address(t, then, "10.96.0.8", "other", "web")
	then.Only = "shop"
	plan, err := makePlan(now, then)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"configmaps/shop/a", "configmaps/shop/later", "example.com/widgets/shop/w", "ipaddresses/10.96.0.7", "ipaddresses/10.96.0.9",
		"namespaces/shop", "services/specs/shop/web",
	}
	for i := range want {
		want[i] = registry + want[i]
	}
	if got := plan.Keys(); !slices.Equal(got, want) {
		t.Errorf("written are %v, not %v", got, want)
	}
}

func TestWhatIsTakenIsNotBroughtBack(t *testing.T) {
	then := keyed(t, map[string]string{"services/specs/shop/web": "old"})
	address(t, then, "10.96.0.7", "shop", "web")
	then.Only = "shop"
	now := keyed(t, nil)
	address(t, now, "10.96.0.7", "other", "db")
	if _, err := makePlan(now, then); !errors.Is(err, errTaken) {
		t.Errorf("an address that another has: %v", err)
	}
	volumes := State{Only: "shop", Keys: maps.Clone(then.Keys)}
	claim := registry + "persistentvolumeclaims/shop/data"
	volumes.Keys[claim] = KV{Key: claim, Value: []byte("x")}
	if _, err := makePlan(keyed(t, nil), volumes); !errors.Is(err, errVolumes) {
		t.Errorf("a claim whose volume is gone: %v", err)
	}
}
