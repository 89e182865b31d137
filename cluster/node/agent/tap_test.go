package agent

import (
	"errors"
	"testing"

	internalapi "k8s.io/cri-api/pkg/apis"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/pleg"
	"k8s.io/kubernetes/pkg/util/oom"
	"k8s.io/mount-utils"

	"kubarium/cluster/node/tap"
)

type (
	noRuntime struct{ internalapi.RuntimeService }
	noImages  struct {
		internalapi.ImageManagerService
	}
)

// The kubelet makes its clients, then adjusts its score, then uses them.
func TestKubeletIsTappedBeforeItUsesItsRuntime(t *testing.T) {
	adjusted := 0
	d := &kubelet.Dependencies{Mounter: mount.NewFakeMounter(nil), OOMAdjuster: oom.NewFakeOOMAdjuster()}
	d.OOMAdjuster.ApplyOOMScoreAdj = func(pid, score int) error { adjusted++; return errors.New("not allowed") }
	tapKubelet(d, tap.New("node-1"))
	if _, same := d.Mounter.(*mount.FakeMounter); same {
		t.Error("mounts go unseen")
	}
	d.RemoteRuntimeService, d.RemoteImageService = noRuntime{}, noImages{}
	if err := d.OOMAdjuster.ApplyOOMScoreAdj(0, -999); err == nil || adjusted != 1 {
		t.Errorf("the adjustment gives %v after %d calls", err, adjusted)
	}
	wrapped := d.RemoteRuntimeService
	if _, same := wrapped.(noRuntime); same {
		t.Error("calls go unseen")
	}
	if _, same := d.RemoteImageService.(noImages); same {
		t.Error("pulls go unseen")
	}
	_ = d.OOMAdjuster.ApplyOOMScoreAdj(0, -999)
	if d.RemoteRuntimeService != wrapped {
		t.Error("it is wrapped twice")
	}
}

func TestLifecycleEvent(t *testing.T) {
	e, ok := lifecycleEvent(&pleg.PodLifecycleEvent{ID: "u", Type: pleg.ContainerDied, Data: "c1"})
	if !ok || e != (tap.LifecycleEvent{Type: "ContainerDied", UID: "u", Data: "c1"}) {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := lifecycleEvent("something else"); ok {
		t.Error("what is no event is one")
	}
}
