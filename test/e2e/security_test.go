package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"kubarium/cluster/pki"
)

// TestFilesAreForTheirOwner looks at the mode of every file of a running cluster.
func TestFilesAreForTheirOwner(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(shared.path(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // It went while we looked.
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		seen++
		mode := info.Mode().Perm()
		switch path {
		case shared.path():
			// It is passed through, to a kubeconfig that belongs to the user behind sudo.
			if mode != 0o711 {
				t.Errorf("%s has mode %o, want 711", path, mode)
			}
			return nil
		case shared.path("nodes"), shared.path("bin"), shared.path("images"):
			if mode != 0o700 {
				t.Errorf("%s has mode %o, want 700", path, mode)
			}
			// What is below has the modes of a machine's disk, and nobody comes there.
			return fs.SkipDir
		}
		// Certificates are public, and lie where nobody else comes.
		if mode&0o007 != 0 && filepath.Ext(path) != ".crt" || mode&0o077 != 0 && filepath.Ext(path) != ".crt" && !strings.Contains(path, "/logs/") {
			t.Errorf("%s has mode %o: others than its owner may use it", path, mode)
		}
		return nil
	})
	if err != nil || seen < 30 {
		t.Errorf("%d files, %v", seen, err)
	}
}

// TestNothingListensToTheWorld looks at each socket of the program in the host's network.
func TestNothingListensToTheWorld(t *testing.T) {
	out, err := exec.Command("ss", "--no-header", "--listening", "--numeric", "--processes", "--tcp", "--udp").Output()
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("pid=%d,", shared.cmd.Process.Pid)
	seen := 0
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, own) {
			continue
		}
		seen++
		address := strings.Fields(line)[4]
		host, port, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			t.Errorf("the program listens on %s", address)
		}
		if port == "2379" || port == "2380" {
			t.Errorf("etcd has a port: %s", address)
		}
	}
	if seen == 0 {
		t.Errorf("not even the API server's socket was found in:\n%s", out)
	}
}

// TestNodesListenForTheCluster looks at the sockets of a node's daemons: what others in the
// cluster's network reach is the kubelet's API, and kube-proxy's health.
func TestNodesListenForTheCluster(t *testing.T) {
	out, err := exec.Command("nsenter", "--target", fmt.Sprint(shared.machine(t, "node-1")), "--net", "ss", "--no-header", "--listening", "--numeric", "--processes", "--tcp", "--udp").Output()
	if err != nil {
		t.Fatal(err)
	}
	open, own := map[string]bool{}, 0
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, `"kubarium"`) {
			continue
		}
		own++
		host, port, err := net.SplitHostPort(strings.Fields(line)[4])
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			open[port] = true
		}
	}
	if own < 4 || len(open) != 2 || !open["10250"] || !open["10256"] {
		t.Errorf("the node's daemons listen on %v:\n%s", open, out)
	}
}

// TestNobodyIsLetIn asks API server and kubelet without a certificate, and with a token
// of nobody.
func TestNobodyIsLetIn(t *testing.T) {
	ns := shared.namespace(t)
	shared.runOn(t, ns, "thief", "node-1", "kubarium/toolbox:1.0", "sleep", "1000")
	node := nodeAddress(t, "node-2")
	const nobody = "connection refused"
	for _, ask := range []struct{ url, flags, want string }{
		{"https://kubernetes.default.svc/livez", "", "ok"},
		{"https://kubernetes.default.svc/api/v1/secrets", "", "401"},
		{"https://kubernetes.default.svc/version", "", "401"},
		{"https://kubernetes.default.svc/api/v1/nodes", "--header 'Authorization: Bearer none'", "401"},
		{"https://" + node + ":10250/pods", "", "401"},
		{"https://" + node + ":10250/metrics", "", "401"},
		{"http://" + node + ":10255/pods", "", nobody},
		{"https://" + node + ":2379/health", "", nobody},
		{"https://10.89.0.1:2379/health", "", nobody},
		{"https://10.89.0.1:10257/metrics", "", nobody},
	} {
		out, err := shared.exec(bounded(t), ns, "thief", "sh", "-c",
			"SSL_CERT_FILE=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt wget -qO- -T 10 "+ask.flags+" "+ask.url+" 2>&1; true")
		if err != nil || !strings.Contains(out, ask.want) {
			t.Errorf("%s answers a pod without rights %q, want %s: %v", ask.url, out, ask.want, err)
		}
	}
}

func nodeAddress(t *testing.T, name string) string {
	t.Helper()
	node, err := shared.client.CoreV1().Nodes().Get(bounded(t), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return node.Status.Addresses[0].Address
}

// TestPodsCantReachTheHost proves that neither what listens on the host's loopback, nor
// the control socket, is in a node: a pod with its network and disk does not reach them.
func TestPodsCantReachTheHost(t *testing.T) {
	port := listenForNobody(t)
	ns := shared.namespace(t)
	shared.apply(t, ns, `
apiVersion: v1
kind: Pod
metadata: {name: owner}
spec:
  nodeName: node-1
  hostNetwork: true
  hostPID: true
  volumes: [{name: host, hostPath: {path: /}}]
  containers:
  - name: owner
    image: kubarium/toolbox:1.0
    command: [sleep, "1000"]
    securityContext: {privileged: true}
    volumeMounts: [{name: host, mountPath: /host}]
`)
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/owner", "--timeout=100s")
	ask := func(address, port string) string {
		out, err := shared.exec(bounded(t), ns, "owner", "sh", "-c", "wget -qO- -T 3 http://"+net.JoinHostPort(address, port)+"/v2/ >/dev/null 2>&1 && echo reached || echo refused")
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(out)
	}
	if got := ask("10.89.0.1", "5000"); got != "reached" {
		t.Fatalf("not even the registry is reachable: %s", got)
	}
	for _, address := range []string{"127.0.0.1", "10.89.0.1", "10.89.0.2", "10.89.0.254", "169.254.169.254"} {
		if got := ask(address, port); got != "refused" {
			t.Errorf("port %s of the host by %s: %q", port, address, got)
		}
	}
	for _, path := range []string{"run/control.sock", "run/etcd.sock", "run/egress.sock", "pki/ca.key", "kubeconfig", "etcd"} {
		full := "/host" + shared.path(path)
		if _, err := os.Stat(shared.path(path)); err != nil {
			t.Errorf("not even the host has %s: %v", path, err)
		}
		if out, err := shared.exec(bounded(t), ns, "owner", "sh", "-c", "ls -d "+full+" 2>/dev/null || echo none"); err != nil || strings.TrimSpace(out) != "none" {
			t.Errorf("a pod that owns its node sees %s: %q, %v", path, out, err)
		}
	}
}

// TestWebhooksCantReachTheHost proves that the API server calls nothing on the host's loopback
// for whoever may make a webhook.
func TestWebhooksCantReachTheHost(t *testing.T) {
	port := listenForNobody(t)
	ns := shared.namespace(t)
	shared.apply(t, ns, fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration,
		metadata: {name: %[1]s}, webhooks: [{name: host.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Fail,
		clientConfig: {url: "https://127.0.0.1:%[2]s/"}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}},
		rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}]}`, ns, port))
	t.Cleanup(func() { shared.kubectl(t, "delete", "validatingwebhookconfiguration", ns) })
	// The API server learns of a new webhook by a watch.
	eventually(t, "call of the webhook", func(context.Context) error {
		_, err := shared.client.CoreV1().ConfigMaps(ns).Create(bounded(t), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "any-"},
		}, metav1.CreateOptions{})
		if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			return fmt.Errorf("creation of what the webhook is asked about: %w", err)
		}
		return nil
	})
}

// listenForNobody returns a port of the host's loopback that nobody is to reach.
func listenForNobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Errorf("a connection from %s reached the host's loopback", c.RemoteAddr())
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// TestPlainPodsLeaveTheHostAsItIs proves that a pod which is not privileged writes to nothing
// that its node has of the host, though its volumes are writable mounts, reads no private key of
// the host's, and can change no setting by which the kernel runs programs.
func TestPlainPodsLeaveTheHostAsItIs(t *testing.T) {
	ns := shared.namespace(t)
	shared.apply(t, ns, `
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  nodeName: node-1
  volumes:
  - {name: local, hostPath: {path: /usr/local}}
  - {name: ssl, hostPath: {path: /etc/ssl}}
  - {name: bin, hostPath: {path: /opt/kubarium/bin}}
  - {name: agent, hostPath: {path: /opt/kubarium/kubarium}}
  - {name: proc, hostPath: {path: /proc}}
  containers:
  - name: plain
    image: kubarium/toolbox:1.0
    command: [sleep, "1000"]
    volumeMounts:
    - {name: local, mountPath: /host/local}
    - {name: ssl, mountPath: /host/ssl}
    - {name: bin, mountPath: /host/bin}
    - {name: agent, mountPath: /host/agent}
    - {name: proc, mountPath: /host/proc}
`)
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/plain", "--timeout=100s")
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		t.Fatal(err)
	}
	out, err := shared.exec(bounded(t), ns, "plain", "sh", "-c", `
for d in local ssl/certs bin; do
	if touch /host/$d/zz-kubarium-test 2>/dev/null; then rm /host/$d/zz-kubarium-test; echo wrote to $d; fi
done
for f in bin/kubarium-node-init agent; do
	if chmod 755 /host/$f 2>/dev/null; then echo changed $f; fi
done
for f in $(ls /host/ssl); do
	case $f in certs|cert.pem|ca-bundle.pem|openssl.cnf) ;; *) echo sees ssl/$f ;; esac
done
ls /host/ssl/certs >/dev/null || echo trusts nobody
echo ours > /host/proc/sys/kernel/core_pattern
true`)
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("a plain pod: %s, %v", out, err)
	}
	if now, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || string(now) != string(pattern) {
		t.Errorf("the kernel's core_pattern is %q, was %q: %v", now, pattern, err)
		_ = os.WriteFile("/proc/sys/kernel/core_pattern", pattern, 0)
	}
}

// TestNodesMayDoTheirWorkOnly acts with the rights of a kubelet that was taken over.
func TestNodesMayDoTheirWorkOnly(t *testing.T) {
	store, err := pki.Open(shared.path("pki"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := store.Client("system:node:node-1", "system:nodes")
	if err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(shared.config)
	config.CertData, config.KeyData, config.CertFile, config.KeyFile = pair.Cert, pair.Key, "", ""
	kubelet, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, core := bounded(t), kubelet.CoreV1()
	if _, err := core.Nodes().Get(ctx, "node-1", metav1.GetOptions{}); err != nil {
		t.Errorf("a kubelet may not read its own node: %v", err)
	}
	patch := func(node, what string) error {
		_, err := core.Nodes().Patch(ctx, node, types.MergePatchType, []byte(what), metav1.PatchOptions{})
		return err
	}
	ns := shared.namespace(t)
	if _, err := shared.client.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "private"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, listed := core.Secrets("").List(ctx, metav1.ListOptions{})
	_, read := core.Secrets(ns).Get(ctx, "private", metav1.GetOptions{})
	_, created := core.Pods(ns).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "stray"},
		Spec:       corev1.PodSpec{NodeName: "node-2", Containers: []corev1.Container{{Name: "c", Image: "kubarium/web:1.0"}}},
	}, metav1.CreateOptions{})
	for what, err := range map[string]error{
		"label another node":    patch("node-2", `{"metadata":{"labels":{"a":"b"}}}`),
		"give itself a role":    patch("node-1", `{"metadata":{"labels":{"node-restriction.kubernetes.io/role":"vault"}}}`),
		"list all Secrets":      listed,
		"read a Secret":         read,
		"run a pod elsewhere":   created,
		"delete itself":         core.Nodes().Delete(ctx, "node-1", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}),
		"delete another's pods": core.Pods("kube-system").DeleteCollection(ctx, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}, metav1.ListOptions{}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("a kubelet may %s: %v", what, err)
		}
	}
}

// TestKubeletsFollowTheBenchmark asks each kubelet for the settings of the CIS
// benchmark's section 4.2.
func TestKubeletsFollowTheBenchmark(t *testing.T) {
	nodes, err := shared.client.CoreV1().Nodes().List(bounded(t), metav1.ListOptions{})
	if err != nil || len(nodes.Items) < 3 {
		t.Fatalf("%d nodes: %v", len(nodes.Items), err)
	}
	for _, node := range nodes.Items {
		raw, err := shared.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/" + node.Name + "/proxy/configz").DoRaw(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Config kubeletconfig.KubeletConfiguration `json:"kubeletconfig"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatal(err)
		}
		k := answer.Config
		for check, holds := range map[string]bool{
			"4.2.1 anonymous requests are refused": k.Authentication.Anonymous.Enabled != nil && !*k.Authentication.Anonymous.Enabled &&
				k.Authentication.Webhook.Enabled != nil && *k.Authentication.Webhook.Enabled,
			"4.2.2 authorization asks the API server": k.Authorization.Mode == kubeletconfig.KubeletAuthorizationModeWebhook,
			"4.2.3 clients are known by the CA":       k.Authentication.X509.ClientCAFile != "",
			"4.2.4 there is no read-only port":        k.ReadOnlyPort == 0,
			"4.2.5 idle streams end":                  k.StreamingConnectionIdleTimeout.Duration > 0,
			"4.2.9 it serves with a certificate":      k.TLSCertFile != "" && k.TLSPrivateKeyFile != "",
		} {
			if !holds {
				t.Errorf("CIS %s: does not hold on %s: %s", check, node.Name, raw)
			}
		}
	}
}

// TestSupportBundle proves that the bundle has the logs, and none of the cluster's keys.
func TestSupportBundle(t *testing.T) {
	ns := shared.namespace(t)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "private"}, StringData: map[string]string{"password": "swordfish-4711"}}
	if _, err := shared.client.CoreV1().Secrets(ns).Create(bounded(t), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	shared.kubarium(t, "support-bundle", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle: %v, %v", info, err)
	}
	out, err := exec.CommandContext(context.Background(), "sh", "-c", "tar tzf "+file+" && tar xzOf "+file).Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for _, want := range []string{"logs/etcd.log", "logs/kube-apiserver.log", "logs/node-1/kubelet.log", "components.json", "goroutine profile", "kubernetes v1.37.1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the bundle lacks %s", want)
		}
	}
	key, err := os.ReadFile(shared.path("pki", "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"swordfish-4711", strings.Split(string(key), "\n")[1], "PRIVATE KEY", "eyJhbGciOi"} {
		if strings.Contains(text, hidden) {
			t.Errorf("the bundle tells %q", hidden)
		}
	}
	if out, code := shared.try(t, "support-bundle", file); code != 1 || !strings.Contains(out, "exists") {
		t.Errorf("a second bundle of the same name: exit code %d, %s", code, out)
	}
}
