package e2e

import (
	"context"
	"encoding/json"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/trace"
)

// TestTrace follows one object from another process, and compares what the taps say
// with what the API server answers.
func TestTrace(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	const name = "followed-by-trace"
	cmd := exec.CommandContext(ctx, program(), "trace", "-f", "-o", "json", "--match", name, "--name", shared.name, "--data-dir", shared.dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	maps := shared.client.CoreV1().ConfigMaps("default")
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := maps.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	var request, write *trace.Event
	decoder := json.NewDecoder(stdout)
	for request == nil || write == nil {
		var e trace.Event
		if err := decoder.Decode(&e); err != nil {
			t.Fatalf("the stream ended: %v (request %v, write %v)", err, request, write)
		}
		switch {
		case e.Component == "kube-apiserver" && e.Verb == "create":
			request = &e
		case e.Component == "etcd" && e.Verb == "create":
			write = &e
		}
	}
	if request.Actor != "kubernetes-admin" || request.Fields["code"] != "201" || request.Object.Resource != "configmaps" {
		t.Errorf("request: %+v", *request)
	}
	if write.Object.UID != string(made.UID) || write.Fields["revision"] != made.ResourceVersion {
		t.Errorf("write: %+v, but the object has UID %s and resource version %s", *write, made.UID, made.ResourceVersion)
	}
}
