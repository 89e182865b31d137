package rewind

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes/scheme"

	"kubarium/cluster/fault/corefile"
)

// decode reads a value as the API server stores it.
func decode(kv KV, into runtime.Object) error {
	codec := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	if _, _, err := codec.Decode(kv.Value, nil, into); err != nil {
		return fmt.Errorf("decode %s: %w", kv.Key, err)
	}
	return nil
}

func encode(key, kind string, o runtime.Object) ([]byte, error) {
	o.GetObjectKind().SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	var b bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(o, &b); err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	return b.Bytes(), nil
}

// wantedPod is what a pod's key is to have. A pod that has run on keeps what its kubelet
// says of it. One that has to run again is a new pod to its kubelet, which never runs a
// pod twice: it gets a new UID, and begins where a pod begins that was just bound.
func wantedPod(is, was KV, there, existed bool, now State, renamed map[string]string) ([]byte, error) {
	var current, past corev1.Pod
	if there {
		if err := decode(is, &current); err != nil {
			return nil, err
		}
	}
	if existed {
		if err := decode(was, &past); err != nil {
			return nil, err
		}
	}
	unchanged := func() ([]byte, error) {
		if there {
			return is.Value, nil
		}
		return nil, nil
	}
	switch {
	case isMirror(&current), isMirror(&past):
		// The kubelet makes them of its own files.
		return unchanged()
	case !existed:
		return nil, nil
	case past.DeletionTimestamp != nil:
		// It was going then; it is not called back.
		return unchanged()
	case there && origin(&current) == origin(&past) && current.DeletionTimestamp == nil && finished(&current) == finished(&past):
		if current.UID != past.UID {
			renamed[string(past.UID)] = string(current.UID)
		}
		past.UID, past.Status, past.Spec.NodeName = current.UID, current.Status, current.Spec.NodeName
		mark(&past, origin(&current))
		if apiequality.Semantic.DeepEqual(&past, &current) {
			return is.Value, nil
		}
		return encode(was.Key, "Pod", &past)
	case finished(&past):
		return was.Value, nil
	}
	before, first := string(past.UID), origin(&past)
	renamed[before] = string(renew(&past, now))
	mark(&past, first)
	return encode(was.Key, "Pod", &past)
}

// renew makes of a pod that ran one that is to run, and returns its UID.
func renew(pod *corev1.Pod, now State) types.UID {
	pod.UID = uuid.NewUUID()
	status := corev1.PodStatus{Phase: corev1.PodPending, QOSClass: pod.Status.QOSClass}
	if _, ok := now.Keys[nodeKeys+pod.Spec.NodeName]; !ok {
		// The node is gone: the scheduler finds another.
		pod.Spec.NodeName = ""
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && pod.Spec.NodeName != "" {
			status.Conditions = append(status.Conditions, c)
		}
	}
	pod.Status = status
	return pod.UID
}

// originAnnotation is the UID that a pod had before it was brought back the first time.
const originAnnotation = "rewind.kubarium.dev/uid"

func origin(pod *corev1.Pod) types.UID {
	if uid, ok := pod.Annotations[originAnnotation]; ok {
		return types.UID(uid)
	}
	return pod.UID
}

// mark keeps a pod's origin, if it is another than its UID.
func mark(pod *corev1.Pod, origin types.UID) {
	if pod.UID == origin {
		delete(pod.Annotations, originAnnotation)
		return
	}
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, originAnnotation, string(origin))
}

func isMirror(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// wantedNode keeps nodes as they are: a node is a machine that is there or not. What
// people wrote on it (labels, taints, cordon) is what it was.
func wantedNode(is, was KV, there, existed bool) ([]byte, error) {
	if !there {
		return nil, nil
	}
	if !existed {
		return is.Value, nil
	}
	var current, past corev1.Node
	if err := decode(is, &current); err != nil {
		return nil, err
	}
	if err := decode(was, &past); err != nil {
		return nil, err
	}
	if current.UID != past.UID {
		return is.Value, nil
	}
	merged := current.DeepCopy()
	merged.Labels = past.Labels
	merged.Spec.Unschedulable = past.Spec.Unschedulable
	merged.Spec.Taints = taints(current.Spec.Taints, past.Spec.Taints)
	if apiequality.Semantic.DeepEqual(merged, &current) {
		return is.Value, nil
	}
	return encode(is.Key, "Node", merged)
}

// taints are those of then, but for the ones that tell of the node's condition now.
func taints(current, past []corev1.Taint) []corev1.Taint {
	condition := func(t corev1.Taint) bool {
		return strings.HasPrefix(t.Key, "node.kubernetes.io/") && t.Key != corev1.TaintNodeUnschedulable
	}
	kept := slices.DeleteFunc(slices.Clone(current), func(t corev1.Taint) bool { return !condition(t) })
	back := slices.DeleteFunc(slices.Clone(past), condition)
	return slices.Concat(back, kept)
}

// wantedDNS brings CoreDNS' configuration back without the rules of faults that are over, and with
// those of the faults that there are: a fault is of now, as a node is.
func wantedDNS(is, was KV, there bool) ([]byte, error) {
	if !corefile.Marked(string(is.Value)) && !corefile.Marked(string(was.Value)) {
		return was.Value, nil
	}
	var current, past corev1.ConfigMap
	if there {
		if err := decode(is, &current); err != nil {
			return nil, err
		}
	}
	if err := decode(was, &past); err != nil {
		return nil, err
	}
	for name, text := range past.Data {
		past.Data[name] = corefile.Keep(text, current.Data[name])
	}
	return encode(was.Key, "ConfigMap", &past)
}
