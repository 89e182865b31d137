package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestEveryPairOfNodes proves that a pod on each node reaches a pod on each other by
// address, and is seen there under its own; and that a service, with an address and
// without, leads to all of them.
func TestEveryPairOfNodes(t *testing.T) {
	ns := shared.namespace(t)
	addresses := map[string]string{}
	for _, node := range nodeNames {
		shared.runOn(t, ns, node, node, "kubarium/web:1.0")
		shared.kubectl(t, "-n", ns, "label", "pod", node, "app=pairs")
		pod, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), node, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		addresses[node] = pod.Status.PodIP
	}
	for _, from := range nodeNames {
		for _, to := range nodeNames {
			out := shared.kubectl(t, "-n", ns, "exec", from, "--", "wget", "-qO-", "http://"+addresses[to]+":8080")
			if !strings.Contains(out, "Hello from pod "+to) || !strings.Contains(out, "You are "+addresses[from]) {
				t.Errorf("from %s (%s) to %s: %s", from, addresses[from], to, out)
			}
		}
	}
	shared.kubectl(t, "-n", ns, "expose", "pod", nodeNames[0], "--name=all", "--selector=app=pairs", "--port=80", "--target-port=8080")
	shared.kubectl(t, "-n", ns, "expose", "pod", nodeNames[0], "--name=headless", "--selector=app=pairs", "--port=8080", "--cluster-ip=None")
	clusterIP := shared.kubectl(t, "-n", ns, "get", "service", "all", "-o", "jsonpath={.spec.clusterIP}")
	for _, from := range nodeNames {
		for _, url := range []string{"http://" + clusterIP, "http://all", "http://all." + ns + ".svc.cluster.local"} {
			allAnswer(t, ns, from, url)
		}
		eventually(t, "headless service from "+from, func(context.Context) error {
			out, _ := shared.try(t, "kubectl", "-n", ns, "exec", from, "--", "nslookup", "headless")
			for _, ip := range addresses {
				if !slices.Contains(strings.Fields(out), ip) {
					return fmt.Errorf("no %s in:\n%s", ip, out)
				}
			}
			return nil
		})
	}
}

// allAnswer asks a service until each pod behind it has answered.
func allAnswer(t *testing.T, ns, from, url string) {
	t.Helper()
	answered := map[string]bool{}
	eventually(t, url+" from "+from, func(context.Context) error {
		out, _ := shared.try(t, "kubectl", "-n", ns, "exec", from, "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do wget -qO- "+url+"; done")
		for _, node := range nodeNames {
			if strings.Contains(out, "Hello from pod "+node) {
				answered[node] = true
			}
		}
		if len(answered) != len(nodeNames) {
			return fmt.Errorf("answers from %v alone, the last: %s", answered, out)
		}
		return nil
	})
}

// TestAPIServerReachesServices proves that the API server finds pods behind services,
// and that the host reaches a node port.
func TestAPIServerReachesServices(t *testing.T) {
	ns := shared.namespace(t)
	for _, node := range nodeNames {
		shared.runOn(t, ns, node, node, "kubarium/web:2.0")
		shared.kubectl(t, "-n", ns, "expose", "pod", node, "--port=80", "--target-port=8080", "--type=NodePort")
		eventually(t, "service proxy to "+node, func(context.Context) error {
			out, _ := shared.try(t, "kubectl", "get", "--raw", "/api/v1/namespaces/"+ns+"/services/http:"+node+":80/proxy/some/path")
			if !strings.Contains(out, `"pod":"`+node+`"`) || !strings.Contains(out, `"path":"/some/path"`) {
				return fmt.Errorf("answer %q", out)
			}
			return nil
		})
		port := shared.kubectl(t, "-n", ns, "get", "service", node, "-o", "jsonpath={.spec.ports[0].nodePort}")
		eventually(t, "node port of "+node, func(ctx context.Context) error {
			return get(ctx, "http://127.0.0.1:"+port, "Hello from pod "+node)
		})
		shared.kubectl(t, "-n", ns, "delete", "service", node)
		eventually(t, "end of the node port of "+node, func(ctx context.Context) error {
			if err := get(ctx, "http://127.0.0.1:"+port, "Hello"); err == nil {
				return fmt.Errorf("port %s answers still", port)
			}
			return nil
		})
	}
}
