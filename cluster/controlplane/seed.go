package controlplane

import (
	"context"
	"fmt"
	"path"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// seed writes the default RBAC policy and the system namespaces into an empty etcd,
// before the API server's first start.
//
// The API server writes the same objects itself, the policy a second and some 200
// requests after it began to serve; until then no component may do anything. Written
// beforehand, the components can start as soon as the API server serves, and the
// API server's own reconciliation finds all there and changes nothing.
func seed(ctx context.Context, etcd *Etcd) error {
	client, err := etcd.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	const marker = "/registry/clusterroles/cluster-admin"
	// A full etcd refuses what could write, even if it would not.
	if found, err := client.Get(ctx, marker, clientv3.WithCountOnly()); err != nil || found.Count > 0 {
		return err
	}
	puts, err := bootstrapPuts()
	if err != nil {
		return err
	}
	absent := clientv3.Compare(clientv3.CreateRevision(marker), "=", 0)
	if _, err := client.Txn(ctx).If(absent).Then(puts...).Commit(); err != nil {
		return fmt.Errorf("write bootstrap policy: %w", err)
	}
	return nil
}

func bootstrapPuts() ([]clientv3.Op, error) {
	s := seeder{now: metav1.Now(), encoder: protobuf.NewSerializer(legacyscheme.Scheme, legacyscheme.Scheme)}
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		s.put("namespaces", namespace(name))
	}
	for _, role := range append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...) {
		s.put("clusterroles", &role)
	}
	for _, binding := range append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...) {
		s.put("clusterrolebindings", &binding)
	}
	for namespace, roles := range bootstrappolicy.NamespaceRoles() {
		for _, role := range roles {
			role.Namespace = namespace
			s.put("roles", &role)
		}
	}
	for namespace, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, binding := range bindings {
			binding.Namespace = namespace
			s.put("rolebindings", &binding)
		}
	}
	return s.puts, s.err
}

// namespace returns a namespace as the API server's strategy would complete it.
func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}},
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
		Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
}

// seeder encodes objects as the API server stores them.
type seeder struct {
	now     metav1.Time
	encoder runtime.Encoder
	puts    []clientv3.Op
	err     error
}

func (s *seeder) put(resource string, object runtime.Object) {
	if s.err != nil {
		return
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		s.err = fmt.Errorf("read metadata of %s: %w", resource, err)
		return
	}
	accessor.SetUID(types.UID(uuid.NewString()))
	accessor.SetCreationTimestamp(s.now)
	kinds, _, err := legacyscheme.Scheme.ObjectKinds(object)
	if err != nil {
		s.err = fmt.Errorf("find kind of %s: %w", resource, err)
		return
	}
	versioned := legacyscheme.Codecs.EncoderForVersion(s.encoder, kinds[0].GroupVersion())
	data, err := runtime.Encode(versioned, object)
	if err != nil {
		s.err = fmt.Errorf("encode %s %s: %w", resource, accessor.GetName(), err)
		return
	}
	key := path.Join("/registry", resource, accessor.GetNamespace(), accessor.GetName())
	s.puts = append(s.puts, clientv3.OpPut(key, string(data)))
}
