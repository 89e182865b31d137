package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hostAnnotation tells where on the host a service is.
const hostAnnotation = "kubarium.dev/host"

// balance makes a web server behind a load balancer, and returns the address it has in
// the cluster's network and the one on the host.
func (c *testCluster) balance(t *testing.T, ns, name string, replicas int, options ...string) (inside, host string) {
	t.Helper()
	c.kubectl(t, "-n", ns, "create", "deployment", name, "--image=kubarium/web:1.0", fmt.Sprintf("--replicas=%d", replicas))
	c.kubectl(t, append([]string{"-n", ns, "expose", "deployment", name, "--port=80", "--target-port=8080", "--type=LoadBalancer"}, options...)...)
	c.kubectl(t, "-n", ns, "rollout", "status", "deployment/"+name, "--timeout=60s")
	eventually(t, "address of "+name, func(ctx context.Context) error {
		s, err := c.client.CoreV1().Services(ns).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if host = s.Annotations[hostAnnotation]; host == "" || len(s.Status.LoadBalancer.Ingress) != 1 {
			return fmt.Errorf("status %+v, on the host %q", s.Status, host)
		}
		inside = s.Status.LoadBalancer.Ingress[0].IP
		return nil
	})
	return inside, host
}

// visit asks once, and fails soon.
func visit(ctx context.Context, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host, nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// visits counts by pod who answers thirty times.
func visits(t *testing.T, host string) map[string]int {
	t.Helper()
	answers := map[string]int{}
	for range 30 {
		answer, err := visit(bounded(t), host)
		if err != nil {
			t.Fatal(err)
		}
		pod, _, _ := strings.Cut(strings.TrimPrefix(answer, "Hello from pod "), ",")
		answers[pod]++
	}
	return answers
}

func TestLoadBalancer(t *testing.T) {
	ns := shared.namespace(t)
	shared.runOn(t, ns, "client", "node-3", "kubarium/toolbox:1.0")
	inside, host := shared.balance(t, ns, "web", 2)
	eventually(t, "service on the host", func(ctx context.Context) error { return get(ctx, "http://"+host, "Hello from pod web-") })
	shared.eventuallyOK(t, "kubectl", "-n", ns, "exec", "client", "--", "wget", "-qO-", "http://"+inside)
	// The second may be ready later.
	eventually(t, "both pods answer", func(context.Context) error {
		if answers := visits(t, host); len(answers) != 2 {
			return fmt.Errorf("of two pods, %v answer", answers)
		}
		return nil
	})

	t.Run("affinity", func(t *testing.T) {
		shared.kubectl(t, "-n", ns, "patch", "service", "web", "-p", `{"spec":{"sessionAffinity":"ClientIP"}}`)
		eventually(t, "one pod answers all", func(context.Context) error {
			if answers := visits(t, host); len(answers) != 1 {
				return fmt.Errorf("%v answer", answers)
			}
			return nil
		})
		shared.kubectl(t, "-n", ns, "patch", "service", "web", "-p", `{"spec":{"sessionAffinity":"None"}}`)
	})
	t.Run("source ranges", func(t *testing.T) {
		patch := func(ranges string) {
			shared.kubectl(t, "-n", ns, "patch", "service", "web", "--type=merge", "-p", `{"spec":{"loadBalancerSourceRanges":[`+ranges+`]}}`)
		}
		patch(`"203.0.113.0/24"`)
		eventually(t, "the host is refused", func(ctx context.Context) error {
			if answer, err := visit(ctx, host); err == nil {
				return errors.New(answer)
			}
			return nil
		})
		patch(`"203.0.113.0/24","10.89.0.1/32"`)
		eventually(t, "the host is let in", func(ctx context.Context) error { return get(ctx, "http://"+host, "Hello from") })
		patch("")
	})
	t.Run("type", func(t *testing.T) {
		shared.kubectl(t, "-n", ns, "patch", "service", "web", "-p", `{"spec":{"type":"ClusterIP"}}`)
		eventually(t, "status is cleared", func(ctx context.Context) error {
			s, err := shared.client.CoreV1().Services(ns).Get(ctx, "web", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(s.Status.LoadBalancer.Ingress) > 0 || len(s.Finalizers) > 0 || s.Annotations[hostAnnotation] != "" {
				return fmt.Errorf("the service is still %+v, %+v", s.ObjectMeta, s.Status)
			}
			return nil
		})
		if answer, err := visit(bounded(t), host); err == nil {
			t.Errorf("without a load balancer, the host gets %q", answer)
		}
	})
}

// TestLoadBalancerLocal proves that pods see who asks, and that only nodes with such a
// pod are asked.
func TestLoadBalancerLocal(t *testing.T) {
	ns := shared.namespace(t)
	_, host := shared.balance(t, ns, "web", 1, "--overrides", `{"spec":{"externalTrafficPolicy":"Local"}}`)
	eventually(t, "service on the host", func(ctx context.Context) error { return get(ctx, "http://"+host, "Hello from pod web-") })
	for range 20 {
		answer, err := visit(bounded(t), host)
		if err != nil || !strings.Contains(answer, "You are 10.89.0.1.") {
			t.Fatalf("the pod says %q, %v; want the router's address, which the host has in there", answer, err)
		}
	}
}

// TestLoadBalancerPool proves that an event tells when all addresses are in use, and
// that one which becomes free goes to who waits.
func TestLoadBalancerPool(t *testing.T) {
	ns := shared.namespace(t)
	const pool = 30
	var manifest strings.Builder
	for i := range pool + 1 {
		fmt.Fprintf(&manifest, "---\napiVersion: v1\nkind: Service\nmetadata: {name: many-%d}\nspec: {type: LoadBalancer, ports: [{port: 80}], allocateLoadBalancerNodePorts: false}\n", i)
	}
	shared.apply(t, ns, manifest.String())
	eventually(t, "an event tells that the pool is empty", func(context.Context) error {
		events := shared.kubectl(t, "-n", ns, "get", "events", "--field-selector", "reason=SyncLoadBalancerFailed")
		if !strings.Contains(events, "no address is left") {
			return errors.New(events)
		}
		return nil
	})
	// What other tests have is not ours to count: as many as wait are deleted.
	waiting := shared.pending(t, ns)
	if len(waiting) == 0 {
		t.Fatal("no service waits for an address")
	}
	for i := 0; len(waiting) > 0; i++ {
		name := fmt.Sprintf("many-%d", i)
		if !strings.Contains(strings.Join(waiting, " ")+" ", name+" ") {
			shared.kubectl(t, "-n", ns, "delete", "service", name)
			waiting = waiting[1:]
		}
	}
	eventually(t, "who waited has an address", func(context.Context) error {
		if left := shared.pending(t, ns); len(left) > 0 {
			return fmt.Errorf("%v wait", left)
		}
		return nil
	})
}

// pending names the services that wait for an address.
func (c *testCluster) pending(t *testing.T, ns string) []string {
	t.Helper()
	list, err := c.client.CoreV1().Services(ns).List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range list.Items {
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// keepsAddress proves that a service is where it was before a restart.
func (c *testCluster) keepsAddress(t *testing.T, name, inside, host string) {
	t.Helper()
	eventually(t, name+" answers", func(ctx context.Context) error { return get(ctx, "http://"+host, "Hello from pod "+name+"-") })
	s, err := c.client.CoreV1().Services("default").Get(bounded(t), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Status.LoadBalancer.Ingress; len(got) != 1 || got[0].IP != inside || s.Annotations[hostAnnotation] != host {
		t.Errorf("after a restart, %s is at %+v and %q, not at %s and %s", name, got, s.Annotations[hostAnnotation], inside, host)
	}
}

// TestLoadBalancerDatagrams asks cluster DNS from the host.
func TestLoadBalancerDatagrams(t *testing.T) {
	const name = "dns-outside"
	shared.kubectl(t, "-n", "kube-system", "expose", "deployment", "coredns", "--name="+name, "--port=53", "--protocol=UDP", "--type=LoadBalancer")
	t.Cleanup(func() { shared.kubectl(t, "-n", "kube-system", "delete", "service", name) })
	var host string
	eventually(t, "address on the host", func(ctx context.Context) error {
		s, err := shared.client.CoreV1().Services("kube-system").Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			host = s.Annotations[hostAnnotation]
		}
		if err == nil && !strings.HasSuffix(host, "/udp") {
			err = fmt.Errorf("it is at %q", host)
		}
		return err
	})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", strings.TrimSuffix(host, "/udp"))
	}}
	eventually(t, "cluster DNS answers the host", func(ctx context.Context) error {
		found, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
		if err == nil && (len(found) != 1 || found[0] != "10.96.0.1") {
			err = fmt.Errorf("it says %v", found)
		}
		return err
	})
}

// TestServiceNames proves that services without an address of their own resolve.
func TestServiceNames(t *testing.T) {
	ns := shared.namespace(t)
	shared.runOn(t, ns, "client", "node-1", "kubarium/toolbox:1.0")
	shared.apply(t, ns, `
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: kubernetes.default.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080}]}
`)
	shared.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=2")
	shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=60s")
	pods := strings.Fields(shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.podIP}"))
	for name, want := range map[string][]string{"alias": {"10.96.0.1"}, "headless": pods} {
		eventually(t, name+" resolves", func(context.Context) error {
			out, code := shared.try(t, "kubectl", "-n", ns, "exec", "client", "--", "nslookup", name+"."+ns)
			if code != 0 {
				return errors.New(out)
			}
			for _, ip := range want {
				if !strings.Contains(out, ip) {
					return errors.New(out)
				}
			}
			return nil
		})
	}
}
