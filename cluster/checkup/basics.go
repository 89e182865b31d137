package checkup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// components waits for those that are not ready: a cluster may just have begun.
func components(ctx context.Context, w *ward) error {
	return eventually(ctx, func(ctx context.Context) error {
		unready, err := w.options.Unready(ctx)
		if err != nil {
			return err
		}
		if len(unready) > 0 {
			return errors.New(strings.Join(unready, "; "))
		}
		return nil
	})
}

func nodes(ctx context.Context, w *ward) error {
	list, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	var unready []string
	for _, n := range list.Items {
		if !isReady(n) {
			unready = append(unready, n.Name)
		}
	}
	if len(unready) > 0 {
		return fmt.Errorf("not Ready: %s", strings.Join(unready, ", "))
	}
	return nil
}

func dns(ctx context.Context, w *ward) error {
	if _, err := w.service(ctx, "named", corev1.ServiceTypeClusterIP); err != nil {
		return err
	}
	return w.each(ctx, func(ctx context.Context, node string, p pod) error {
		for _, name := range []string{"kubernetes.default", "named", "named." + w.name + ".svc.cluster.local"} {
			err := eventually(ctx, func(ctx context.Context) error {
				_, err := w.exec(ctx, p.name, "nslookup", name)
				return err
			})
			if err != nil {
				return fmt.Errorf("from %s: %w", node, err)
			}
		}
		return nil
	})
}

func podNetwork(ctx context.Context, w *ward) error {
	return w.each(ctx, func(ctx context.Context, node string, from pod) error {
		for other, to := range w.pods {
			err := eventually(ctx, func(ctx context.Context) error {
				return w.fetch(ctx, from.name, net.JoinHostPort(to.ip, strconv.Itoa(webPort)), to.name)
			})
			if err != nil {
				return fmt.Errorf("from %s to %s: %w", node, other, err)
			}
		}
		return nil
	})
}

func services(ctx context.Context, w *ward) error {
	if _, err := w.service(ctx, "all", corev1.ServiceTypeClusterIP); err != nil {
		return err
	}
	return w.each(ctx, func(ctx context.Context, node string, from pod) error {
		missing := map[string]bool{}
		for _, p := range w.pods {
			missing[p.name] = true
		}
		return eventually(ctx, func(ctx context.Context) error {
			out, err := w.exec(ctx, from.name, "wget", "-T", "3", "-qO-", "http://all")
			if err != nil {
				return fmt.Errorf("from %s: %w", node, err)
			}
			delete(missing, answering(out))
			if len(missing) > 0 {
				return fmt.Errorf("from %s, %d of %d pods never answered", node, len(missing), len(w.pods))
			}
			return nil
		})
	})
}

// answering is the name of the pod that sent the page.
func answering(page string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(page, "Hello from pod "), ",")
	return name
}

// fetch has a pod ask for a page, which the pod named want is to send.
func (w *ward) fetch(ctx context.Context, from, address, want string) error {
	out, err := w.exec(ctx, from, "wget", "-T", "3", "-qO-", "http://"+address)
	if err != nil {
		return err
	}
	if got := answering(out); got != want {
		return fmt.Errorf("http://%s is answered by %q", address, got)
	}
	return nil
}

// service makes a service of the web servers.
func (w *ward) service(ctx context.Context, name string, kind corev1.ServiceType) (*corev1.Service, error) {
	s, err := w.client.CoreV1().Services(w.name).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Type: kind, Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: webTarget}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("make service: %w", err)
	}
	return s, nil
}

func logs(ctx context.Context, w *ward) error {
	return w.each(ctx, func(ctx context.Context, node string, p pod) error {
		out, err := w.client.CoreV1().Pods(w.name).GetLogs(p.name, &corev1.PodLogOptions{}).DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("of %s on %s: %w", p.name, node, err)
		}
		if !strings.Contains(string(out), "listens on") {
			return fmt.Errorf("of %s on %s: %q", p.name, node, out)
		}
		return nil
	})
}

func execs(ctx context.Context, w *ward) error {
	return w.each(ctx, func(ctx context.Context, node string, p pod) error {
		out, err := w.exec(ctx, p.name, "hostname")
		if err != nil {
			return fmt.Errorf("on %s: %w", node, err)
		}
		if strings.TrimSpace(out) != p.name {
			return fmt.Errorf("on %s: the host name of %s is %q", node, p.name, out)
		}
		return nil
	})
}
