package watch

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// BenchmarkBuild is a snapshot of 5,000 pods of which some have changed.
func BenchmarkBuild(b *testing.B) {
	var objects []runtime.Object
	for i := range 500 {
		objects = append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i)}})
	}
	for i := range 5000 {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%d", i/500), Name: fmt.Sprintf("app-%05d", i)}}
		p.Spec.NodeName = fmt.Sprintf("node-%d", i%500)
		p.Spec.Containers = make([]corev1.Container, 1)
		objects = append(objects, p)
	}
	f := newFeed(b.Context(), fake.NewClientset(objects...), "")
	for !f.synced.Load() {
		<-f.dirty
	}
	f.build()
	for i := range b.N {
		for k := range 10 {
			old := objects[500+(i*10+k)%5000].(*corev1.Pod)
			p := old.DeepCopy()
			f.podChanges.put(p)
		}
		f.mark(pods)
		f.build()
	}
}
