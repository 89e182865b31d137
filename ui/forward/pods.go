package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"kubarium/ui/watch"
)

// FromServer reaches pods through an API server.
func FromServer(client kubernetes.Interface, config *rest.Config) Pods { return server{client, config} }

type server struct {
	client kubernetes.Interface
	config *rest.Config
}

// Find implements Pods.
func (s server) Find(ctx context.Context, to watch.Ref, port int, before Target) (Target, error) {
	switch to.Kind {
	case "Service":
		return s.behind(ctx, to, port, before)
	case "Pod":
		p, err := s.client.CoreV1().Pods(to.Namespace).Get(ctx, to.Name, metav1.GetOptions{})
		if err != nil {
			return Target{}, fmt.Errorf("find the pod: %w", err)
		}
		if p.Status.Phase != corev1.PodRunning {
			return Target{}, fmt.Errorf("pod %s is %s: only a running pod takes connections", p.Name, p.Status.Phase)
		}
		return Target{p.Name, p.UID, port}, nil
	}
	selector, err := s.selector(ctx, to)
	if err != nil {
		return Target{}, err
	}
	pods, err := s.client.CoreV1().Pods(to.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(selector)})
	if err != nil {
		return Target{}, fmt.Errorf("find pods of %s: %w", to, err)
	}
	var found Target
	for _, p := range pods.Items {
		if t := (Target{p.Name, p.UID, port}); ready(&p) && (found.Pod == "" || t == before) {
			found = t
		}
	}
	if found.Pod == "" {
		return found, fmt.Errorf("%s has no ready pod of %d", to, len(pods.Items))
	}
	return found, nil
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// behind is a pod that a service leads to.
func (s server) behind(ctx context.Context, to watch.Ref, port int, before Target) (Target, error) {
	service, err := s.client.CoreV1().Services(to.Namespace).Get(ctx, to.Name, metav1.GetOptions{})
	if err != nil {
		return Target{}, fmt.Errorf("find the service: %w", err)
	}
	name, known := "", false
	for _, p := range service.Spec.Ports {
		if int(p.Port) == port {
			name, known = p.Name, true
		}
	}
	if !known {
		return Target{}, fmt.Errorf("service %s has no port %d", to.Name, port)
	}
	slices, err := s.client.DiscoveryV1().EndpointSlices(to.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + to.Name})
	if err != nil {
		return Target{}, fmt.Errorf("find endpoints of service %s: %w", to.Name, err)
	}
	var found Target
	for _, slice := range slices.Items {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Name != nil && *p.Name != name || p.Name == nil && name != "" {
				continue
			}
			for _, e := range slice.Endpoints {
				if e.TargetRef == nil || e.TargetRef.Kind != "Pod" || e.Conditions.Ready != nil && !*e.Conditions.Ready {
					continue
				}
				if t := (Target{e.TargetRef.Name, e.TargetRef.UID, int(*p.Port)}); found.Pod == "" || t == before {
					found = t
				}
			}
		}
	}
	if found.Pod == "" {
		return found, fmt.Errorf("service %s has no ready pod behind its port %d", to.Name, port)
	}
	return found, nil
}

// selector chooses the pods that an object stands for.
func (s server) selector(ctx context.Context, to watch.Ref) (*metav1.LabelSelector, error) {
	apps, get := s.client.AppsV1(), metav1.GetOptions{}
	switch to.Kind {
	case "Deployment":
		o, err := apps.Deployments(to.Namespace).Get(ctx, to.Name, get)
		if err != nil {
			return nil, err
		}
		return o.Spec.Selector, nil
	case "StatefulSet":
		o, err := apps.StatefulSets(to.Namespace).Get(ctx, to.Name, get)
		if err != nil {
			return nil, err
		}
		return o.Spec.Selector, nil
	case "DaemonSet":
		o, err := apps.DaemonSets(to.Namespace).Get(ctx, to.Name, get)
		if err != nil {
			return nil, err
		}
		return o.Spec.Selector, nil
	case "ReplicaSet":
		o, err := apps.ReplicaSets(to.Namespace).Get(ctx, to.Name, get)
		if err != nil {
			return nil, err
		}
		return o.Spec.Selector, nil
	}
	return nil, fmt.Errorf("%s stands for no pods: forward to a pod, a service or a workload", to)
}

// Dial implements Pods.
func (s server) Dial(namespace, pod string) (Tunnel, error) {
	url := s.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(s.config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	dialer, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, s.config)
	if err != nil {
		return nil, err
	}
	conn, _, err := portforward.NewFallbackDialerForStreaming(dialer, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	return &tunnel{Connection: conn}, nil
}

// tunnel carries each connection in two streams: one for bytes, one for what is wrong.
type tunnel struct {
	httpstream.Connection
	last atomic.Int64
}

// Gone implements Tunnel.
func (t *tunnel) Gone() <-chan bool { return t.CloseChan() }

// Open implements Tunnel.
func (t *tunnel) Open(port int) (Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(t.last.Add(1), 10))
	wrong, err := t.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	_ = wrong.Close() // nothing is written to it
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := t.CreateStream(headers)
	if err != nil {
		t.RemoveStreams(wrong)
		return nil, errors.Join(err, wrong.Reset())
	}
	c := &streams{Stream: data, wrong: wrong, of: t}
	c.end = sync.OnceValue(c.finish)
	return c, nil
}

type streams struct {
	httpstream.Stream
	wrong httpstream.Stream
	of    *tunnel
	end   func() error
}

// CloseWrite implements Conn.
func (c *streams) CloseWrite() error { return c.Stream.Close() }

// End implements Conn.
func (c *streams) End() error { return c.end() }

func (c *streams) finish() error {
	// What was not sent is thrown away, or it would hold up the word about what is wrong.
	_ = c.Reset()
	told, err := io.ReadAll(c.wrong)
	c.of.RemoveStreams(c.Stream, c.wrong)
	if text := strings.TrimSpace(string(told)); text != "" {
		return errors.New(text)
	}
	return err
}
