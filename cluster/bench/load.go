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

// loadPause is the time between two rounds of the load, of which each fifth makes a pod: with one
// in each, and less time between, pods took all of two processors, and what is measured got what
// they left. loadPods is how many pods there are at a time, and loadMaps how many ConfigMaps:
// what grows without bound could not be told from a leak.
const (
	loadPause    = 50 * time.Millisecond
	loadPodEvery = 5
	loadPods     = 4
	loadMaps     = 200
)

const loadLabel = "kubarium-bench"

// load creates and deletes objects, and knows what was acknowledged.
type load struct {
	client kubernetes.Interface
	// rest is the time between two rounds, and each podEvery-th makes a pod.
	rest     time.Duration
	podEvery int
	// also, when set, is done in each round, with the others' time limit.
	also func(ctx context.Context, n int)

	// working is held while a request is made.
	working sync.Mutex
	cancel  context.CancelFunc
	done    chan struct{}

	ledger
	created int
}

func newLoad(client kubernetes.Interface) *load {
	return &load{client: client, rest: loadPause, podEvery: loadPodEvery, ledger: newLedger()}
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
			_ = pause(ctx, l.rest)
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
	if made, err := l.client.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{}); err == nil {
		l.there[made.UID] = made.Name
		l.created++
	}
	if n%2 == 0 || len(l.there) > loadMaps {
		l.deleteMap(ctx)
	}
	if n%l.podEvery == 0 {
		pod := &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: webImage}}}}
		if made, err := l.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err == nil {
			l.pods = append(l.pods, made.Name)
		}
	}
	l.deletePod(ctx)
	if l.also != nil {
		l.also(ctx, n)
	}
}

func (l *load) deleteMap(ctx context.Context) {
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

// deletePod deletes the oldest pod beyond those that there may be. From the first try on
// nobody knows whether it is there, until the API server says.
func (l *load) deletePod(ctx context.Context) {
	if len(l.pods) > loadPods {
		l.leaving, l.pods = append(l.leaving, l.pods[0]), l.pods[1:]
	}
	if len(l.leaving) == 0 {
		return
	}
	now := int64(0)
	err := l.client.CoreV1().Pods(namespace).Delete(ctx, l.leaving[0], metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err == nil || apierrors.IsNotFound(err) {
		l.ended[l.leaving[0]] = true
		l.leaving = l.leaving[1:]
	}
}

func (l *load) acknowledged() int { return l.created }

// lost counts what is otherwise than was acknowledged.
func (l *load) lost(ctx context.Context) (int, error) {
	list, err := l.client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: loadLabel})
	if err != nil {
		return 0, fmt.Errorf("list objects: %w", err)
	}
	pods, err := l.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: loadLabel})
	if err != nil {
		return 0, fmt.Errorf("list pods: %w", err)
	}
	maps, names := make(map[types.UID]bool, len(list.Items)), make(map[string]bool, len(pods.Items))
	for _, m := range list.Items {
		maps[m.UID] = true
	}
	for _, p := range pods.Items {
		names[p.Name] = true
	}
	return l.differs(maps, names), nil
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
	l.ledger = newLedger()
	return nil
}
