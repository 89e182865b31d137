package play

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"

	"kubarium/lessons"
)

var (
	podsGVR   = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	eventsGVR = schema.GroupVersionResource{Version: "v1", Resource: "events"}
)

// fakeCluster is an object store with just enough of a kubectl, a scheduler
// and a kubelet to play lessons about pods.
type fakeCluster struct {
	t      *testing.T
	client *fake.FakeDynamicClient
	dir    string
	// stuck is the reason for which new pods do not start; empty: they do.
	stuck string

	mu   sync.Mutex
	uids int
}

func newFakeCluster(t *testing.T) *fakeCluster {
	kinds := map[schema.GroupVersionResource]string{
		podsGVR: "PodList", eventsGVR: "EventList",
		{Version: "v1", Resource: "nodes"}:                      "NodeList",
		{Version: "v1", Resource: "configmaps"}:                 "ConfigMapList",
		{Group: "apps", Version: "v1", Resource: "deployments"}: "DeploymentList",
	}
	return &fakeCluster{t: t, client: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds)}
}

// watched waits until the player watches all its resources: the fake client,
// unlike an API server, forgets what happens between list and watch.
func (f *fakeCluster) watched(lesson *lessons.Lesson) {
	f.t.Helper()
	want := len(lesson.Resources())
	for range 500 {
		seen := 0
		for _, a := range f.client.Actions() {
			if a.GetVerb() == "watch" {
				seen++
			}
		}
		if seen >= want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatal("the player does not watch what its lesson looks at")
}

func (f *fakeCluster) pods() interface {
	Get(context.Context, string, metav1.GetOptions, ...string) (*unstructured.Unstructured, error)
	Create(context.Context, *unstructured.Unstructured, metav1.CreateOptions, ...string) (*unstructured.Unstructured, error)
	Update(context.Context, *unstructured.Unstructured, metav1.UpdateOptions, ...string) (*unstructured.Unstructured, error)
	Delete(context.Context, string, metav1.DeleteOptions, ...string) error
} {
	return f.client.Resource(podsGVR).Namespace("default")
}

// run is the fake kubectl.
func (f *fakeCluster) run(ctx context.Context, line string) (int, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	args, ok := lessons.KubectlArgs(line)
	if !ok {
		return 1, "not kubectl", nil
	}
	var err error
	switch args[0] {
	case "run":
		_, image, _ := strings.Cut(args[2], "--image=")
		err = f.create(ctx, pod(args[1], image))
	case "apply":
		err = f.apply(ctx, args[2])
	case "delete":
		for _, name := range args[2:] {
			if err = f.pods().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				break
			}
		}
	case "get", "describe":
		return 0, "web", nil
	default:
		return 1, "unknown command " + args[0], nil
	}
	if err != nil {
		return 1, err.Error(), nil
	}
	return 0, "done", nil
}

func (f *fakeCluster) apply(ctx context.Context, file string) error {
	content, err := os.ReadFile(filepath.Join(f.dir, file))
	if err != nil {
		return err
	}
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(content, &o.Object); err != nil {
		return err
	}
	o.SetNamespace("default")
	o.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
	if _, err := f.pods().Get(ctx, o.GetName(), metav1.GetOptions{}); err != nil {
		return f.create(ctx, o)
	}
	f.finish(o)
	_, err = f.pods().Update(ctx, o, metav1.UpdateOptions{})
	return err
}

func (f *fakeCluster) create(ctx context.Context, o *unstructured.Unstructured) error {
	f.finish(o)
	_, err := f.pods().Create(ctx, o, metav1.CreateOptions{})
	return err
}

// finish is scheduler and kubelet: the pod is placed and runs.
func (f *fakeCluster) finish(o *unstructured.Unstructured) {
	f.uids++
	o.SetUID(types.UID(fmt.Sprint("uid-", f.uids)))
	image := "?"
	if containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "containers"); len(containers) > 0 {
		image, _ = containers[0].(map[string]any)["image"].(string)
	}
	status := map[string]any{
		"phase":             "Running",
		"conditions":        []any{map[string]any{"type": "Ready", "status": "True"}},
		"containerStatuses": []any{map[string]any{"image": "docker.io/" + image, "state": map[string]any{"running": map[string]any{}}}},
	}
	if f.stuck != "" {
		status = map[string]any{
			"phase":      "Pending",
			"conditions": []any{map[string]any{"type": "Ready", "status": "False"}},
			"containerStatuses": []any{map[string]any{"image": image, "state": map[string]any{
				"waiting": map[string]any{"reason": f.stuck, "message": "manifest unknown"},
			}}},
		}
	}
	o.Object["status"] = status
	must(f.t, unstructured.SetNestedField(o.Object, "node-1", "spec", "nodeName"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pod(name, image string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "namespace": "default"},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": name, "image": image}}},
	}}
}
