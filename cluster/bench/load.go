package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// loadPause is the time between two rounds of the load, and loadPods how many pods of
// it there are at a time.
const (
	loadPause = 20 * time.Millisecond
	loadPods  = 4
)

const loadLabel = "kubarium-bench"

// load creates and deletes objects, and knows what was acknowledged.
type load struct {
	client kubernetes.Interface
	// working is held while a request is made.
	working sync.Mutex
	cancel  context.CancelFunc
	done    chan struct{}

	// there and gone are the ConfigMaps whose creation, and whose deletion, was
	// acknowledged, the latter also the former; unsure those of whose deletion nobody
	// knows.
	there, gone, unsure map[types.UID]string
	pods                []string
	created             int
}

func newLoad(client kubernetes.Interface) *load {
	return &load{client: client, there: map[types.UID]string{}, gone: map[types.UID]string{}, unsure: map[types.UID]string{}}
}

// begin lets the load work until end.
func (l *load) begin(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		for n := 0; ctx.Err() == nil; n++ {
			l.working.Lock()
			l.step(ctx, n)
			l.working.Unlock()
			_ = pause(ctx, loadPause)
		}
	}()
}

func (l *load) end() { l.cancel(); <-l.done }

// pause holds the load still until the returned function is called.
func (l *load) pause() (resume func()) {
	l.working.Lock()
	return l.working.Unlock
}

// step makes a ConfigMap and a pod, and deletes older ones. What fails was not
// acknowledged: the cluster owes nothing.
func (l *load) step(ctx context.Context, n int) {
	// An answer that does not come must not hold up what is measured.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	meta := metav1.ObjectMeta{GenerateName: "bench-", Labels: map[string]string{loadLabel: "yes"}}
	maps, pods := l.client.CoreV1().ConfigMaps(namespace), l.client.CoreV1().Pods(namespace)
	if made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{}); err == nil {
		l.there[made.UID] = made.Name
		l.created++
	}
	if n%2 == 0 {
		l.deleteOne(ctx)
	}
	pod := &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: webImage}}}}
	if made, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err == nil {
		l.pods = append(l.pods, made.Name)
	}
	if len(l.pods) > loadPods {
		now := int64(0)
		if err := pods.Delete(ctx, l.pods[0], metav1.DeleteOptions{GracePeriodSeconds: &now}); err == nil {
			l.pods = l.pods[1:]
		}
	}
}

func (l *load) deleteOne(ctx context.Context) {
	for uid, name := range l.there {
		delete(l.there, uid)
		if err := l.client.CoreV1().ConfigMaps(namespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			l.unsure[uid] = name
		} else {
			l.gone[uid] = name
		}
		return
	}
}

func (l *load) acknowledged() int { return l.created }

// lost counts what is otherwise than was acknowledged.
func (l *load) lost(ctx context.Context) (int, error) {
	list, err := l.client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: loadLabel})
	if err != nil {
		return 0, fmt.Errorf("list objects: %w", err)
	}
	found := make(map[types.UID]bool, len(list.Items))
	for _, m := range list.Items {
		found[m.UID] = true
	}
	lost := 0
	for uid := range l.there {
		if !found[uid] {
			lost++
		}
	}
	for uid := range l.gone {
		if found[uid] {
			lost++
		}
	}
	for _, name := range l.pods {
		if _, err := l.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			lost++
		}
	}
	return lost, nil
}

// cleanUp deletes what is left. It tries again: a cluster that is just being restarted
// may refuse.
func (l *load) cleanUp(ctx context.Context) error {
	now := int64(0)
	all := metav1.ListOptions{LabelSelector: loadLabel}
	var last error
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		last = errors.Join(
			l.client.CoreV1().ConfigMaps(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, all),
			l.client.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, all))
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("delete objects: %w", errors.Join(err, last))
	}
	return nil
}
