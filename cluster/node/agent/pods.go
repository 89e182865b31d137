package agent

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/config"
	kubelettypes "k8s.io/kubernetes/pkg/kubelet/types"
	"k8s.io/kubernetes/pkg/kubelet/util"

	"kubarium/cluster/node"
)

// watchPods gives the kubelet its sources of pods. They are the ones that it would make
// itself, but for one wait: it looks once a second whether its Node is registered before
// it asks for the node's pods, and this is told. A new node runs its first pod that much
// sooner.
func watchPods(ctx context.Context, server *options.KubeletServer, dependencies *kubelet.Dependencies) error {
	client, err := newClient(node.KubeletKubeconfig)
	if err != nil {
		return err
	}
	log := klog.FromContext(ctx)
	name := types.NodeName(server.HostnameOverride)
	events := record.NewBroadcaster(record.WithContext(ctx))
	events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	recorder := events.NewRecorder(legacyscheme.Scheme, corev1.EventSource{Component: node.RoleKubelet, Host: string(name)})
	dependencies.PodStartupLatencyTracker = util.NewPodStartupLatencyTracker()
	sources := config.NewPodConfig(recorder, dependencies.PodStartupLatencyTracker)
	config.NewSourceFile(log, server.StaticPodPath, name, server.FileCheckFrequency.Duration,
		sources.Channel(ctx, kubelettypes.FileSource))
	registered := func() bool {
		_, err := awaitNode(ctx, client, string(name), func(*corev1.Node) bool { return true })
		return err == nil
	}
	config.NewSourceApiserver(log, client, name, registered, sources.Channel(ctx, kubelettypes.ApiserverSource))
	dependencies.PodConfig = sources
	return nil
}
