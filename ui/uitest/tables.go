package uitest

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/ui/facts"
	"kubarium/ui/resource"
)

// once is a feed of one state.
type once struct{ states chan resource.State }

func (f once) Next() (resource.State, bool) { s, open := <-f.states; return s, open }
func (f once) Refresh()                     {}
func (f once) Close()                       {}

// Tables prints objects like a server: pods, Deployments and ReplicaSets; of other kinds
// there are none.
func Tables(objects []runtime.Object) resource.Source {
	return func(kind resource.Kind, q resource.Query) (resource.Feed, error) {
		s := resource.State{Loaded: true}
		for _, name := range columns(kind.Name) {
			s.Columns = append(s.Columns, metav1.TableColumnDefinition{Name: name})
		}
		for _, o := range objects {
			m, ok := o.(metav1.Object)
			cells := print(kind.Name, o)
			if !ok || cells == nil || q.Namespace != "" && m.GetNamespace() != q.Namespace {
				continue
			}
			s.Rows = append(s.Rows, resource.Row{
				UID: m.GetUID(), Namespace: m.GetNamespace(), Name: m.GetName(), Version: m.GetResourceVersion(),
				Created: m.GetCreationTimestamp().Time, Labels: m.GetLabels(), Owners: m.GetOwnerReferences(),
				Cells: append([]string{m.GetName()}, cells...),
			})
		}
		states := make(chan resource.State, 1)
		states <- s
		close(states)
		return once{states}, nil
	}
}

func columns(kind string) []string {
	switch kind {
	case "Pod":
		return []string{"Name", "Ready", "Status", "Restarts", "Age"}
	case "Deployment":
		return []string{"Name", "Ready", "Up-to-date", "Available", "Age"}
	case "ReplicaSet":
		return []string{"Name", "Desired", "Current", "Ready", "Age"}
	}
	return []string{"Name", "Age"}
}

// print is the cells after the name; nil if the object is of another kind.
func print(kind string, o runtime.Object) []string {
	switch o := o.(type) {
	case *corev1.Pod:
		if kind == "Pod" {
			f := facts.NewPod(o)
			return []string{fmt.Sprintf("%d/%d", f.Ready, f.Total), f.Word, fmt.Sprint(f.Restarts), "1m"}
		}
	case *appsv1.Deployment:
		if n := *o.Spec.Replicas; kind == "Deployment" {
			return []string{fmt.Sprintf("%d/%d", o.Status.ReadyReplicas, n), fmt.Sprint(n), fmt.Sprint(o.Status.ReadyReplicas), "1m"}
		}
	case *appsv1.ReplicaSet:
		if n := fmt.Sprint(*o.Spec.Replicas); kind == "ReplicaSet" {
			return []string{n, n, fmt.Sprint(o.Status.ReadyReplicas), "1m"}
		}
	}
	return nil
}

// Verbs are what a server lets do with most kinds.
func Verbs() metav1.Verbs { return metav1.Verbs{"get", "list", "watch", "update", "delete"} }

// Kinds is a small catalog.
func Kinds() *resource.Catalog {
	list := func(gv string, kinds ...metav1.APIResource) *metav1.APIResourceList {
		for i := range kinds {
			kinds[i].Verbs = Verbs()
		}
		return &metav1.APIResourceList{GroupVersion: gv, APIResources: kinds}
	}
	return resource.NewCatalog([]*metav1.APIResourceList{
		list("v1",
			metav1.APIResource{Name: "pods", SingularName: "pod", Kind: "Pod", ShortNames: []string{"po"}, Namespaced: true},
			metav1.APIResource{Name: "services", SingularName: "service", Kind: "Service", ShortNames: []string{"svc"}, Namespaced: true},
			metav1.APIResource{Name: "nodes", SingularName: "node", Kind: "Node", ShortNames: []string{"no"}}),
		list("apps/v1",
			metav1.APIResource{Name: "deployments", SingularName: "deployment", Kind: "Deployment", ShortNames: []string{"deploy"}, Namespaced: true},
			metav1.APIResource{Name: "replicasets", SingularName: "replicaset", Kind: "ReplicaSet", ShortNames: []string{"rs"}, Namespaced: true}),
	})
}
