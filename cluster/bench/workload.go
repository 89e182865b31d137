package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

const (
	namespace    = metav1.NamespaceDefault
	toolboxImage = "kubarium/toolbox:1.0"
	webImage     = "kubarium/web:1.0"
)

// workload is what the measured cluster is given to do.
type workload struct{ client kubernetes.Interface }

// resolve runs a pod until it has resolved the API server's name, and returns when.
func (w workload) resolve(ctx context.Context) (time.Time, error) {
	return w.runToEnd(ctx, "resolve", "until nslookup kubernetes.default >/dev/null 2>&1; do sleep 0.05; done")
}

// serveAndAsk makes a Deployment and a Service, and a pod that asks it by name. It
// returns when that had its answer.
func (w workload) serveAndAsk(ctx context.Context) (time.Time, error) {
	if err := w.createDeployment(ctx, "app", 1); err != nil {
		return time.Time{}, err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "app"},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}
	if _, err := w.client.CoreV1().Services(namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return time.Time{}, fmt.Errorf("create service: %w", err)
	}
	return w.runToEnd(ctx, "ask", "until wget -q -O - http://app.default.svc.cluster.local >/dev/null 2>&1; do sleep 0.05; done")
}

// deploy returns how many seconds three replicas take, one on each node.
func (w workload) deploy(ctx context.Context) (float64, error) {
	begin := time.Now()
	if err := w.createDeployment(ctx, "three", 3); err != nil {
		return 0, err
	}
	err := w.until(ctx, &appsv1.Deployment{}, w.client.AppsV1().RESTClient(), "deployments", "three", func(o runtime.Object) bool {
		return o.(*appsv1.Deployment).Status.ReadyReplicas == 3
	})
	return time.Since(begin).Seconds(), err
}

func (w workload) createDeployment(ctx context.Context, name string, replicas int32) error {
	labels := map[string]string{"app": name}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "web", Image: webImage}},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelHostname,
						WhenUnsatisfiable: corev1.DoNotSchedule,
						LabelSelector:     &metav1.LabelSelector{MatchLabels: labels},
					}},
				},
			},
		},
	}
	if _, err := w.client.AppsV1().Deployments(namespace).Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create deployment: %w", err)
	}
	return nil
}

// runToEnd runs a script in a pod, and returns when it had succeeded, by the pod's own
// word: the kubelet may tell of it a second later. While the cluster starts the pod may
// have to wait for the API server and its service account.
func (w workload) runToEnd(ctx context.Context, name, script string) (time.Time, error) {
	script += `; printf %s "$EPOCHREALTIME" >/dev/termination-log`
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: name, Image: toolboxImage, Command: []string{"sh", "-c", script}}},
		},
	}
	var last error
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		_, last = w.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
		return last == nil, nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("create pod %s: %w (%w)", name, err, last)
	}
	var message string
	err = w.until(ctx, &corev1.Pod{}, w.client.CoreV1().RESTClient(), "pods", name, func(o runtime.Object) bool {
		status := o.(*corev1.Pod).Status
		if status.Phase != corev1.PodSucceeded || len(status.ContainerStatuses) == 0 {
			return false
		}
		message = status.ContainerStatuses[0].State.Terminated.Message
		return true
	})
	if err != nil {
		return time.Time{}, err
	}
	return parseTime(message)
}

// parseTime reads bash's EPOCHREALTIME: seconds, a point, and six digits.
func parseTime(text string) (time.Time, error) {
	micros, err := strconv.ParseInt(strings.Replace(text, ".", "", 1), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("parse time of success: %w", err)
	}
	return time.UnixMicro(micros), nil
}

// until watches one object until it is as wanted.
func (w workload) until(ctx context.Context, kind runtime.Object, getter cache.Getter, resource, name string, wanted func(runtime.Object) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	list := cache.NewListWatchFromClient(getter, resource, namespace, fields.OneTermEqualSelector("metadata.name", name))
	_, err := watchtools.UntilWithSync(ctx, list, kind, nil, func(event watch.Event) (bool, error) {
		return wanted(event.Object), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s %s: %w", resource, name, err)
	}
	return nil
}

// cleanUp deletes what was made, and waits until the pods are gone.
func (w workload) cleanUp(ctx context.Context) error {
	now := int64(0)
	everything := metav1.DeleteOptions{GracePeriodSeconds: &now}
	apps, core := w.client.AppsV1(), w.client.CoreV1()
	for _, name := range []string{"app", "three"} {
		if err := apps.Deployments(namespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("delete deployment: %w", err)
		}
	}
	if err := core.Services(namespace).Delete(ctx, "app", metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete service: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		if err := core.Pods(namespace).DeleteCollection(ctx, everything, metav1.ListOptions{}); err != nil {
			return false, err
		}
		pods, err := core.Pods(namespace).List(ctx, metav1.ListOptions{})
		return err == nil && len(pods.Items) == 0, err
	})
}
