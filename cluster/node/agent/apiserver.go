package agent

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/watch"
)

// retryInterval is how soon a refused request to the API server is sent again.
const retryInterval = 20 * time.Millisecond

func newClient(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return client, nil
}

// waitForAPIServer returns when the API server answers. It listens some time before
// it serves: the one request then waits for the answer, and nothing is tried twice.
func waitForAPIServer(ctx context.Context, kubeconfig string) error {
	client, err := newClient(kubeconfig)
	if err != nil {
		return err
	}
	for {
		err := client.Discovery().RESTClient().Get().AbsPath("/version").Timeout(30 * time.Second).Do(ctx).Error()
		// Who is refused will not be let in by asking again, and has to say so.
		if err == nil || apierrors.IsUnauthorized(err) {
			return nil
		}
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			return fmt.Errorf("wait for API server: %w", err)
		}
	}
}

// awaitNode watches the node's own object until it is as wanted, and returns it.
func awaitNode(ctx context.Context, client kubernetes.Interface, name string, wanted func(*corev1.Node) bool) (*corev1.Node, error) {
	own := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "nodes", metav1.NamespaceAll,
		fields.OneTermEqualSelector("metadata.name", name))
	event, err := watch.UntilWithSync(ctx, own, &corev1.Node{}, nil, func(event apiwatch.Event) (bool, error) {
		n, ok := event.Object.(*corev1.Node)
		return ok && event.Type != apiwatch.Deleted && wanted(n), nil
	})
	if err != nil {
		return nil, err
	}
	return event.Object.(*corev1.Node), nil
}
