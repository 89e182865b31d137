package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"kubarium/cluster/network/follow"
)

// reportNodePort returns what tells, as Events of the Service, that the host can't
// listen on a node port since something else does, and when it can. Inside the cluster
// the port works all the same.
func (c *Cluster) reportNodePort(ctx context.Context, client kubernetes.Interface) func(follow.PortEvent) {
	events := record.NewBroadcaster(record.WithContext(ctx))
	events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events("")})
	c.onStop(func(context.Context) error { events.Shutdown(); return nil })
	recorder := events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubarium"})
	blocked := make(map[follow.Port]bool)
	return func(e follow.PortEvent) {
		service := &corev1.ObjectReference{Kind: "Service", APIVersion: "v1", Namespace: e.Service.Namespace, Name: e.Service.Name, UID: e.UID}
		switch {
		case e.Err != nil:
			blocked[e.Port] = true
			recorder.Eventf(service, corev1.EventTypeWarning, "NodePortBlocked",
				"Something else on this machine listens on port %d (%s): from the host the service is not reachable there; within the cluster it is", e.Port.Number, e.Port.Protocol)
		case blocked[e.Port]:
			delete(blocked, e.Port)
			recorder.Eventf(service, corev1.EventTypeNormal, "NodePortFree", "The service is reachable from the host on port %d (%s)", e.Port.Number, e.Port.Protocol)
		}
	}
}
