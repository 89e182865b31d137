package uitest

import (
	"time"

	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

// NewClient makes a client that holds the objects of a small cluster as of now.
func NewClient(now time.Time) kubernetes.Interface {
	c := fake.NewClientset(Objects(now)...)
	if d, ok := c.Discovery().(*fakediscovery.FakeDiscovery); ok {
		d.FakedServerVersion = &version.Info{GitVersion: Version}
	}
	return c
}
