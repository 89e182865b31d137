package e2e

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/component"
)

// TestComponents stops each component alone, and sees what stops and what goes on.
func TestComponents(t *testing.T) {
	ns := shared.namespace(t)
	do := func(name, action string) {
		t.Helper()
		if err := shared.control().Component(bounded(t), name, action); err != nil {
			t.Fatalf("%s %s: %v", action, name, err)
		}
	}
	// The tests after this one need all of them.
	t.Cleanup(func() { startAll(t) })
	t.Run("kube-scheduler", func(t *testing.T) {
		do("kube-scheduler", "stop")
		shared.kubectl(t, "-n", ns, "run", "waits", "--image=kubarium/web:1.0")
		// The other way round a scheduler would have had the time.
		shared.runOn(t, ns, "needs-no-scheduler", "node-1", "kubarium/web:1.0")
		if pod, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), "waits", metav1.GetOptions{}); err != nil || pod.Spec.NodeName != "" {
			t.Errorf("without a scheduler the pod is on %q: %v", pod.Spec.NodeName, err)
		}
		do("kube-scheduler", "start")
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/waits", "--timeout=60s")
	})
	t.Run("kube-controller-manager", func(t *testing.T) {
		shared.kubectl(t, "-n", ns, "create", "deployment", "kept", "--image=kubarium/web:1.0")
		shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/kept", "--timeout=60s")
		do("kube-controller-manager", "stop")
		shared.kubectl(t, "-n", ns, "delete", "pod", "-l", "app=kept", "--grace-period=1")
		shared.runOn(t, ns, "needs-no-controller", "node-2", "kubarium/web:1.0")
		if out := shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=kept", "-o", "name"); out != "" {
			t.Errorf("without controllers the pod was replaced: %s", out)
		}
		do("kube-controller-manager", "start")
		eventually(t, "replacement", func(context.Context) error {
			if out := shared.kubectl(t, "-n", ns, "get", "deployment", "kept", "-o", "jsonpath={.status.readyReplicas}"); out != "1" {
				return fmt.Errorf("%s ready replicas", out)
			}
			return nil
		})
	})
	shared.kubectl(t, "-n", ns, "expose", "pod", "needs-no-scheduler", "--port=80", "--target-port=8080", "--type=NodePort")
	url := "http://127.0.0.1:" + shared.kubectl(t, "-n", ns, "get", "service", "needs-no-scheduler", "-o", "jsonpath={.spec.ports[0].nodePort}")
	answers := func(ctx context.Context) error { return get(ctx, url, "Hello from pod needs-no-scheduler") }
	eventually(t, "node port", answers)
	for _, name := range []string{"etcd", "kube-apiserver"} {
		t.Run(name, func(t *testing.T) {
			do(name, "stop")
			if out, code := shared.try(t, "kubectl", "get", "--raw", "/api/v1/namespaces/default?timeout=2s", "--request-timeout=2s"); code == 0 {
				t.Errorf("with %s stopped the API answers: %s", name, out)
			}
			if err := answers(bounded(t)); err != nil {
				t.Errorf("with %s stopped, pods stop answering: %v", name, err)
			}
			do(name, "start")
			shared.eventuallyOK(t, "kubectl", "-n", ns, "create", "configmap", "after-"+name)
			// Controllers, scheduler and kubelets find their way back as well.
			shared.kubectl(t, "-n", ns, "create", "deployment", name, "--image=kubarium/web:1.0")
			shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/"+name, "--timeout=100s")
		})
	}
	t.Run("cloud-controller-manager", func(t *testing.T) {
		_, host := shared.balance(t, ns, "balanced", 1)
		do("cloud-controller-manager", "stop")
		shared.kubectl(t, "-n", ns, "expose", "deployment", "balanced", "--name=waiting", "--port=80", "--type=LoadBalancer")
		eventually(t, "load balancer without its manager", func(ctx context.Context) error { return get(ctx, "http://"+host, "Hello from pod balanced-") })
		if out := shared.kubectl(t, "-n", ns, "get", "service", "waiting", "-o", "jsonpath={.status.loadBalancer}"); out != "{}" {
			t.Errorf("without a cloud's controller the service has %s", out)
		}
		do("cloud-controller-manager", "start")
		shared.kubectl(t, "-n", ns, "wait", "--for=jsonpath={.status.loadBalancer.ingress[0].ip}", "service/waiting", "--timeout=60s")
	})
	t.Run("traefik", func(t *testing.T) {
		controller := findIngress(t)
		do("traefik", "stop")
		shared.kubectl(t, "-n", "traefik", "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=traefik", "--timeout=60s")
		if got, err := controller.ask(bounded(t), "http://nobody.example/"); err == nil {
			t.Errorf("without a controller somebody answers: %q", got)
		}
		do("traefik", "start")
		controller.answers(t, "http://nobody.example/", "404")
	})
	// Without an API server upstream's controller manager gives up.
	t.Run("ended by itself", func(t *testing.T) {
		do("kube-controller-manager", "stop")
		do("kube-apiserver", "stop")
		if err := shared.control().Component(bounded(t), "kube-controller-manager", "start"); err == nil {
			t.Error("controllers run without an API server")
		}
		eventually(t, "its failure is told", func(context.Context) error {
			if is := stateOf(t, "kube-controller-manager"); is.State != component.Failed || !strings.Contains(is.Message, "starts again in") {
				return fmt.Errorf("it is %s: %s", is.State, is.Message)
			}
			return nil
		})
		do("kube-apiserver", "start")
		awaitState(t, "kube-controller-manager", component.Ready)
	})
	if err := shared.control().Component(bounded(t), "nonsense", "stop"); err == nil || !strings.Contains(err.Error(), "kube-scheduler") {
		t.Errorf("stop of no component: %v", err)
	}
}

// TestEachComponentHasItsLog looks for what all servers say at their start, without telling
// for whom, in the file of each: with its own address, and nobody else's.
func TestEachComponentHasItsLog(t *testing.T) {
	says := regexp.MustCompile(`"Serving securely on ([^"]+)"`)
	const apiServer = "kube-apiserver"
	by := map[string]string{}
	for _, name := range []string{apiServer, "kube-controller-manager", "kube-scheduler", "metrics-server"} {
		var found [][]string
		eventually(t, "log of "+name, func(context.Context) error {
			text, err := os.ReadFile(shared.path("logs", name+".log"))
			if found = says.FindAllStringSubmatch(string(text), -1); err == nil && len(found) == 0 {
				err = fmt.Errorf("it does not serve, but:\n%.2000s", text)
			}
			return err
		})
		// Others may have been stopped and started, and serve elsewhere since.
		for _, match := range found {
			if other, taken := by[match[1]]; taken && other != name {
				t.Errorf("both %s and %s serve on %s", other, name, match[1])
			}
			by[match[1]] = name
			if name == apiServer && "https://"+match[1] != shared.config.Host {
				t.Errorf("%s logs what another says, who serves on %s", name, match[1])
			}
		}
	}
}

// startAll starts what a failed test left stopped.
func startAll(t *testing.T) {
	t.Helper()
	info, err := shared.control().Info(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range info.Components {
		if c.State == "Stopped" && !strings.HasPrefix(c.Name, "node-") {
			if err := shared.control().Component(bounded(t), c.Name, "start"); err != nil {
				t.Error(err)
			}
		}
	}
}
