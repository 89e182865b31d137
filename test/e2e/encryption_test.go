package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// secretWord is what Secrets of the tests have in them.
const secretWord = "correct-horse-battery-staple"

// keeps fails the test unless etcd has the Secret as told, and the API answers with it.
func (c *testCluster) keeps(t *testing.T, ns, name string, encrypted bool) {
	t.Helper()
	eventually(t, "Secret in etcd", func(context.Context) error {
		raw := c.kubarium(t, "etcd", "get", "/registry/secrets/"+ns+"/"+name, "--raw")
		if strings.HasPrefix(raw, "k8s:enc:secretbox:v1:key1:") != encrypted || strings.Contains(raw, secretWord) == encrypted {
			return fmt.Errorf("encrypted is to be %t: %.60q", encrypted, raw)
		}
		return nil
	})
	c.eventuallyOK(t, "kubectl", "-n", ns, "get", "secret", name)
	if out := c.kubectl(t, "-n", ns, "get", "secret", name, "-o", `go-template={{.data.word | base64decode}}`); out != secretWord {
		t.Errorf("the Secret is %q", out)
	}
}

// TestEncryptSecrets proves that Secrets are encrypted in etcd on demand, those too that
// were there, and decrypted again.
func TestEncryptSecrets(t *testing.T) {
	ns := shared.namespace(t)
	shared.runOn(t, ns, "web", "node-1", "kubarium/web:1.0")
	shared.kubectl(t, "-n", ns, "create", "secret", "generic", "old", "--from-literal=word="+secretWord)
	shared.keeps(t, ns, "old", false)
	watch, err := shared.client.CoreV1().ConfigMaps(ns).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=last"})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if out := shared.kubarium(t, "etcd", "ls", "/registry/secrets/"+ns); out != "/registry/secrets/"+ns+"/old\n" {
		t.Errorf("keys in etcd: %s", out)
	}
	if out := shared.kubarium(t, "encrypt-secrets"); !strings.Contains(out, "are encrypted") {
		t.Errorf("encrypt-secrets: %s", out)
	}
	shared.keeps(t, ns, "old", true)
	shared.kubectl(t, "-n", ns, "create", "secret", "generic", "new", "--from-literal=word="+secretWord)
	shared.keeps(t, ns, "new", true)
	if info, err := os.Stat(shared.path("pki", "encryption.yaml")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key: %v, %v", info, err)
	}
	if out := shared.kubarium(t, "encrypt-secrets"); !strings.Contains(out, "already") {
		t.Errorf("encrypt-secrets, again: %s", out)
	}
	if out := shared.kubarium(t, "encrypt-secrets", "--off"); !strings.Contains(out, "not encrypted") {
		t.Errorf("encrypt-secrets --off: %s", out)
	}
	shared.keeps(t, ns, "old", false)
	shared.keeps(t, ns, "new", false)
	if err := shared.ready(bounded(t), ns, "web", 0); err != nil {
		t.Errorf("a pod that was there: %v", err)
	}
	// Who watched from before it all still does: the API server went on.
	shared.kubectl(t, "-n", ns, "create", "configmap", "last")
	select {
	case event, open := <-watch.ResultChan():
		if !open || event.Type != apiwatch.Added {
			t.Errorf("a watch from before has %q, open %t", event.Type, open)
		}
	case <-bounded(t).Done():
		t.Error("a watch from before sees nothing")
	}
}
