package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/describe"

	"kubarium/cluster/trace"
	"kubarium/ui/command"
	"kubarium/ui/detail"
	"kubarium/ui/resource"
	"kubarium/ui/watch"
)

// backend asks the API server what the detail view wants to know. It is shared
// with commands, so that nothing in it changes once it is made.
type backend struct {
	client  kubernetes.Interface
	config  *rest.Config
	kubectl command.Kubectl
	cluster Cluster
	// trace is what the taps saw; nil without them.
	trace *trace.Store
	// kinds are those that the server has, as soon as they are known.
	kinds atomic.Pointer[resource.Catalog]
	// schemas are what the server says of its kinds' fields.
	schemas schemas
}

// api is what the app asks of the API server beside watching it.
type api interface {
	detail.Backend
	// Delete deletes an object.
	Delete(ctx context.Context, ref watch.Ref) error
}

var _ api = (*backend)(nil)

var errNotConnected = errors.New("the API server has not answered yet")

// describer is kubectl's own for the kinds that are watched.
func (b *backend) describer(kind string) (describe.ResourceDescriber, bool) {
	switch kind {
	case "Pod":
		return &describe.PodDescriber{Interface: b.client}, true
	case "Node":
		return &describe.NodeDescriber{Interface: b.client}, true
	case "Service":
		return &describe.ServiceDescriber{Interface: b.client}, true
	case "ReplicaSet":
		return &describe.ReplicaSetDescriber{Interface: b.client}, true
	}
	group := map[string]string{
		"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "Job": "batch", "CronJob": "batch",
	}[kind]
	if group == "" || b.config == nil {
		return nil, false
	}
	return describe.DescriberFor(schema.GroupKind{Group: group, Kind: kind}, b.config)
}

// Describe implements detail.Backend.
func (b *backend) Describe(ctx context.Context, ref watch.Ref) (string, error) {
	if b.client == nil {
		return "", errNotConnected
	}
	d, ok := b.describer(ref.Kind)
	if !ok {
		return b.run(ctx, ref, "describe", ref.String())
	}
	return d.Describe(ref.Namespace, ref.Name, describe.DescriberSettings{ShowEvents: true, ChunkSize: 500})
}

// run is the output of kubectl.
func (b *backend) run(ctx context.Context, ref watch.Ref, args ...string) (string, error) {
	if b.kubectl == nil {
		return "", errors.New("there is no kubectl here")
	}
	if ref.Namespace != "" {
		args = append(args, "-n", ref.Namespace)
	}
	var out, fault bytes.Buffer
	cmd := b.kubectl(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		if s := strings.TrimSpace(fault.String()); s != "" {
			return "", errors.New(s)
		}
		return "", fmt.Errorf("kubectl %s: %w", args[0], err)
	}
	return out.String(), nil
}

// Logs implements detail.Backend.
func (b *backend) Logs(ctx context.Context, ref watch.Ref, q detail.LogQuery) (io.ReadCloser, error) {
	if b.client == nil {
		return nil, errNotConnected
	}
	lines := int64(1000)
	return b.client.CoreV1().Pods(ref.Namespace).GetLogs(ref.Name, &corev1.PodLogOptions{
		Container: q.Container, Follow: !q.Previous, Previous: q.Previous, Timestamps: q.Timestamps, TailLines: &lines,
	}).Stream(ctx)
}

// LogFile implements detail.Backend.
func (b *backend) LogFile(name string) string { return b.cluster.LogFile(name) }

// Delete implements api.
func (b *backend) Delete(ctx context.Context, ref watch.Ref) error {
	if b.client == nil {
		return errNotConnected
	}
	o := metav1.DeleteOptions{}
	switch ref.Kind {
	case "Pod":
		return b.client.CoreV1().Pods(ref.Namespace).Delete(ctx, ref.Name, o)
	case "Service":
		return b.client.CoreV1().Services(ref.Namespace).Delete(ctx, ref.Name, o)
	case "Deployment":
		return b.client.AppsV1().Deployments(ref.Namespace).Delete(ctx, ref.Name, o)
	case "ReplicaSet":
		return b.client.AppsV1().ReplicaSets(ref.Namespace).Delete(ctx, ref.Name, o)
	}
	_, err := b.run(ctx, ref, "delete", ref.String(), "--wait=false")
	return err
}
