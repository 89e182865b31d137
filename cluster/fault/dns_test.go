package fault

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestDNSIsChangedAnewWhenItIsPutBack restores what was before while the old CoreDNS is
// waited for, as a snapshot does: its pod stays, and so do the lines of the fault.
func TestDNSIsChangedAnewWhenItIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const before, after = "before", "after"
		meta := metav1.ObjectMeta{Name: dnsName, Namespace: dnsNamespace}
		labels := map[string]string{"k8s-app": "kube-dns"}
		deployment := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}}}
		config := &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{corefileKey: before}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "old", Namespace: dnsNamespace, Labels: labels}}
		client := fake.NewClientset(deployment, config, pod)
		ctx, maps := t.Context(), client.CoreV1().ConfigMaps(dnsNamespace)
		ended := make(chan error)
		go func() {
			ended <- changeDNS(ctx, client, func(string) (string, error) { return after, nil })
		}()
		synctest.Wait()
		if got := corefileOf(t, client); got != after {
			t.Fatalf("the Corefile is %q", got)
		}
		if _, err := maps.Update(ctx, config, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.AppsV1().Deployments(dnsNamespace).Update(ctx, deployment, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := corefileOf(t, client); got != after {
			t.Errorf("after it was put back the Corefile is %q, and stays so", got)
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended with %v, and the old pod is there", err)
		default:
		}
		// Somebody else's restart, later, is as good.
		if err := restartedBy(ctx, client, "2999-01-01T00:00:00Z"); err != nil {
			t.Fatal(err)
		}
		if err := client.CoreV1().Pods(dnsNamespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := restarts(client); got != 2 {
			t.Errorf("CoreDNS was restarted %d times, want twice", got)
		}
	})
}

func corefileOf(t *testing.T, client *fake.Clientset) string {
	t.Helper()
	config, err := client.CoreV1().ConfigMaps(dnsNamespace).Get(t.Context(), dnsName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return config.Data[corefileKey]
}

func restartedBy(ctx context.Context, client *fake.Clientset, at string) error {
	deployment, err := client.AppsV1().Deployments(dnsNamespace).Get(ctx, dnsName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	deployment.Spec.Template.Annotations = map[string]string{restartedAt: at}
	_, err = client.AppsV1().Deployments(dnsNamespace).Update(ctx, deployment, metav1.UpdateOptions{})
	return err
}

// restarts counts the patches of the Deployment.
func restarts(client *fake.Clientset) int {
	n := 0
	for _, action := range client.Actions() {
		if action.GetVerb() == "patch" && strings.HasPrefix(action.GetResource().Resource, "deployments") {
			n++
		}
	}
	return n
}
