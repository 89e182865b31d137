package storage

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// lost tells about volumes whose node was removed, and with it its disk. The objects
// stay: that a claim is bound to nothing is for its owner to decide about.
type lost struct {
	volumes  corelisters.PersistentVolumeLister
	recorder record.EventRecorder
}

func (l *lost) nodeDeleted(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	node, ok := object.(*corev1.Node)
	if !ok {
		return
	}
	volumes, err := l.volumes.List(labels.Everything())
	if err != nil {
		return
	}
	for _, volume := range volumes {
		if volume.Annotations[nodeAnnotation] != node.Name {
			continue
		}
		l.recorder.Eventf(volume, corev1.EventTypeWarning, "NodeRemoved", "%s was removed with its disk: the data of this volume is lost", node.Name)
		if claim := volume.Spec.ClaimRef; claim != nil {
			l.recorder.Eventf(claim, corev1.EventTypeWarning, "NodeRemoved", "%s was removed with its disk: the data of this claim is lost; delete the claim, and the pods that use it, to begin anew", node.Name)
		}
	}
}
