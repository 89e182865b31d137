package checkup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"
)

// networkPolicy shuts off a pod, and opens it again.
func networkPolicy(ctx context.Context, w *ward) error {
	guarded := map[string]string{"app": "guarded"}
	p, err := w.run(ctx, w.web("guarded", "", guarded))
	if err != nil {
		return err
	}
	address := net.JoinHostPort(p.Status.PodIP, strconv.Itoa(webPort))
	open := func(ctx context.Context) error {
		return w.each(ctx, func(ctx context.Context, _ string, from pod) error {
			return w.fetch(ctx, from.name, address, "guarded")
		})
	}
	if err := eventually(ctx, open); err != nil {
		return fmt.Errorf("without a policy: %w", err)
	}
	policies := w.client.NetworkingV1().NetworkPolicies(w.name)
	if _, err := policies.Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "shut"},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: guarded}, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make policy: %w", err)
	}
	err = w.each(ctx, func(ctx context.Context, node string, from pod) error {
		return eventually(ctx, func(ctx context.Context) error {
			if _, err := w.exec(ctx, from.name, "wget", "-T", "1", "-qO-", "http://"+address); err == nil {
				return fmt.Errorf("a policy that allows nothing lets through what comes from %s", node)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := policies.Delete(ctx, "shut", metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("remove policy: %w", err)
	}
	if err := eventually(ctx, open); err != nil {
		return fmt.Errorf("after the policy's end: %w", err)
	}
	return nil
}

// storage writes in one pod, and reads in another.
func storage(ctx context.Context, w *ward) error {
	if _, err := w.client.CoreV1().PersistentVolumeClaims(w.name).Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make claim: %w", err)
	}
	for _, step := range []struct {
		pod     string
		command []string
		want    string
	}{
		{"writer", []string{"sh", "-c", "echo kept > /data/file"}, ""},
		{"reader", []string{"cat", "/data/file"}, "kept\n"},
	} {
		p := w.web(step.pod, "", nil)
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
		if _, err := w.run(ctx, p); err != nil {
			return err
		}
		out, err := w.exec(ctx, step.pod, step.command...)
		if err != nil {
			return err
		}
		if out != step.want {
			return fmt.Errorf("pod %s finds %q in the volume", step.pod, out)
		}
		if err := w.client.CoreV1().Pods(w.name).Delete(ctx, step.pod, metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("remove pod %s: %w", step.pod, err)
		}
	}
	return nil
}

// metrics waits for figures of all nodes and of all web servers.
func metrics(ctx context.Context, w *ward) error {
	client, err := metricsclient.NewForConfig(w.options.Config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		missing := map[string]bool{}
		for node, p := range w.pods {
			missing["node "+node], missing["pod "+p.name] = true, true
		}
		nodes, err := client.MetricsV1beta1().NodeMetricses().List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("ask for figures of nodes: %w", err)
		}
		for _, n := range nodes.Items {
			delete(missing, "node "+n.Name)
		}
		pods, err := client.MetricsV1beta1().PodMetricses(w.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("ask for figures of pods: %w", err)
		}
		for _, p := range pods.Items {
			delete(missing, "pod "+p.Name)
		}
		if len(missing) == 0 {
			return nil
		}
		var names []string
		for name := range missing {
			names = append(names, name)
		}
		return errors.New("no figures of " + strings.Join(names, ", "))
	})
}
