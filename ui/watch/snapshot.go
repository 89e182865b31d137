// Package watch follows a cluster through client-go's informers and hands it to
// the app as immutable snapshots.
//
// Nothing is polled. However fast the cluster changes, there is at most one
// snapshot in 50 ms; a snapshot that the app has no time for is not queued, the
// next one includes it, so that no change is lost and memory stays bounded.
package watch

import (
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/ui/facts"
)

// Ref names an object.
type Ref struct {
	Kind, Namespace, Name string
}

// RefOf names an object of a kind in a group. Kinds of groups that others may have a kind of the
// same name in carry their group.
func RefOf(group, kind, namespace, name string) Ref {
	switch group {
	case "", "apps", "batch":
	default:
		kind += "." + group
	}
	return Ref{Kind: kind, Namespace: namespace, Name: name}
}

// String is the name as kubectl takes it: "pod/web".
func (r Ref) String() string { return lower(r.Kind) + "/" + r.Name }

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Snapshot is the cluster at one moment. It and everything it points to is
// read-only. Lists are in the order of namespace and name.
type Snapshot struct {
	Nodes       []*facts.Node
	Pods        []*facts.Pod
	Services    []*facts.Service
	Deployments []*appsv1.Deployment
	ReplicaSets []*appsv1.ReplicaSet
	// Events are the newest ones, newest first.
	Events []*corev1.Event
	// Namespaces are all, or those that hold any of the above if the user may not list them.
	Namespaces []string
	Tally
}

// SnapshotMsg brings a new snapshot.
type SnapshotMsg struct {
	*Snapshot
}

// DownMsg says that the API server does not answer; what was shown stays true as
// of then.
type DownMsg struct {
	Err error
}

// UpMsg says that the API server answers again.
type UpMsg struct{}

// Get finds an object; nil if the cluster does not have it or it is not watched.
func (s *Snapshot) Get(ref Ref) runtime.Object {
	switch ref.Kind {
	case "Pod":
		if p := s.Pod(ref.Namespace, ref.Name); p != nil {
			return p.Object
		}
	case "Node":
		for _, n := range s.Nodes {
			if n.Object.Name == ref.Name {
				return n.Object
			}
		}
	case "Service":
		for _, o := range s.Services {
			if o.Object.Namespace == ref.Namespace && o.Object.Name == ref.Name {
				return o.Object
			}
		}
	case "Deployment":
		for _, o := range s.Deployments {
			if o.Namespace == ref.Namespace && o.Name == ref.Name {
				return o
			}
		}
	case "ReplicaSet":
		for _, o := range s.ReplicaSets {
			if o.Namespace == ref.Namespace && o.Name == ref.Name {
				return o
			}
		}
	}
	return nil
}

// Pod finds a pod; nil if there is none.
func (s *Snapshot) Pod(namespace, name string) *facts.Pod {
	i := sort.Search(len(s.Pods), func(i int) bool {
		o := s.Pods[i].Object
		return o.Namespace > namespace || o.Namespace == namespace && o.Name >= name
	})
	if i < len(s.Pods) && s.Pods[i].Object.Namespace == namespace && s.Pods[i].Object.Name == name {
		return s.Pods[i]
	}
	return nil
}

// EventsOf are the events about an object, newest first.
func (s *Snapshot) EventsOf(ref Ref) []*corev1.Event {
	var list []*corev1.Event
	kind, _, _ := strings.Cut(ref.Kind, ".")
	for _, e := range s.Events {
		o := e.InvolvedObject
		if o.Kind == kind && o.Name == ref.Name && (o.Namespace == ref.Namespace || ref.Namespace == "") {
			list = append(list, e)
		}
	}
	return list
}
