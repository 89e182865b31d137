package agent

import (
	"context"
	"fmt"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/pleg"

	"kubarium/cluster/node"
	"kubarium/cluster/node/tap"
)

// newTap makes what sees the kubelet's doings, and serves it; nil if nobody wants to know.
func newTap(ctx context.Context, config node.AgentConfig) *tap.Tap {
	if !config.Tap {
		return nil
	}
	t := tap.New(config.Name)
	go func() {
		if err := t.Serve(ctx, node.TapSocket); err != nil {
			klog.FromContext(ctx).Error(err, "Nobody is told what the kubelet does")
		}
	}()
	return t
}

// tapKubelet puts the tap between a kubelet and what it uses. The kubelet makes its clients
// of the runtime itself, and leaves no room there; but before it hands them out it adjusts
// its own OOM score, by a function that is a dependency. That moment is taken to wrap them.
func tapKubelet(dependencies *kubelet.Dependencies, t *tap.Tap) {
	if t == nil {
		return
	}
	dependencies.Mounter = t.Mounter(dependencies.Mounter)
	adjust, wrapped := dependencies.OOMAdjuster.ApplyOOMScoreAdj, false
	dependencies.OOMAdjuster.ApplyOOMScoreAdj = func(pid, score int) error {
		if !wrapped && dependencies.RemoteRuntimeService != nil {
			wrapped = true
			dependencies.RemoteRuntimeService = t.Runtime(dependencies.RemoteRuntimeService)
			dependencies.RemoteImageService = t.Images(dependencies.RemoteImageService)
		}
		return adjust(pid, score)
	}
}

// lifecycleEvent reads what the kubelet's event generator noticed.
func lifecycleEvent(value any) (tap.LifecycleEvent, bool) {
	e, ok := value.(*pleg.PodLifecycleEvent)
	if !ok || e == nil {
		return tap.LifecycleEvent{}, false
	}
	noticed := tap.LifecycleEvent{Type: string(e.Type), UID: string(e.ID)}
	if e.Data != nil {
		noticed.Data = fmt.Sprint(e.Data)
	}
	return noticed, true
}
