package controlplane

import (
	"fmt"

	kubecompatibility "k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/compatibility"
)

// newRegistry returns a component globals registry of a component's own. Upstream's
// default is one for the whole process, which refuses to be set a second time.
func newRegistry() (compatibility.ComponentGlobalsRegistry, error) {
	registry := compatibility.NewComponentGlobalsRegistry()
	gate := utilfeature.DefaultMutableFeatureGate.DeepCopy()
	version := kubecompatibility.DefaultBuildEffectiveVersion()
	if err := registry.Register(compatibility.DefaultKubeComponent, version, gate); err != nil {
		return nil, fmt.Errorf("register feature gates: %w", err)
	}
	return registry, nil
}
