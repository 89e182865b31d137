package controlplane

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/kubernetes/plugin/pkg/admission/defaulttolerationseconds"
)

// tolerations stands for the admission plugin DefaultTolerationSeconds, and has a new one do its
// work when the seconds change: upstream's takes them when the API server starts, and a start for
// their sake is one after which all who watch come back late.
type tolerations struct {
	plugin atomic.Pointer[defaulttolerationseconds.Plugin]
}

var (
	_ admission.MutationInterface = (*tolerations)(nil)
	_ admission.Decorator         = (*tolerations)(nil)
)

// Decorate takes the place of the plugin.
func (t *tolerations) Decorate(handler admission.Interface, _ string) admission.Interface {
	plugin, ok := handler.(*defaulttolerationseconds.Plugin)
	if !ok {
		return handler
	}
	t.plugin.Store(plugin)
	return t
}

// Handles implements admission.Interface.
func (t *tolerations) Handles(operation admission.Operation) bool {
	return t.plugin.Load().Handles(operation)
}

// Admit implements admission.MutationInterface.
func (t *tolerations) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	return t.plugin.Load().Admit(ctx, a, o)
}

// set has pods that are made from now on get what the flags say.
func (t *tolerations) set(flags []string) error {
	set := pflag.NewFlagSet(defaulttolerationseconds.PluginName, pflag.ContinueOnError)
	defaulttolerationseconds.RegisterFlags(set)
	if err := set.Parse(flags); err != nil {
		return fmt.Errorf("parse flags: %w", err)
	}
	plugin := defaulttolerationseconds.NewDefaultTolerationSeconds()
	// It is here that the plugin takes the seconds; it looks at no gate.
	plugin.InspectFeatureGates(nil)
	if err := plugin.ValidateInitialization(); err != nil {
		return fmt.Errorf("make admission plugin: %w", err)
	}
	t.plugin.Store(plugin)
	return nil
}
