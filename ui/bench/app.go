package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/ui"
	"kubarium/ui/watch"
)

// Show shows the app on a source until ctx ends, and then writes to a file which version
// of each pod it has seen last.
func Show(ctx context.Context, url, file string) error {
	var last atomic.Pointer[watch.Snapshot]
	last.Store(&watch.Snapshot{})
	err := ui.Run(ctx, ui.Options{Cluster: remote{url}, Version: "bench", Theme: "dark", Seen: func(s *watch.Snapshot) { last.Store(s) }})
	if err != nil {
		return err
	}
	versions := map[string]string{}
	for _, p := range last.Load().Pods {
		versions[p.Object.Namespace+"/"+p.Object.Name] = p.Object.ResourceVersion
	}
	data, err := json.Marshal(versions)
	if err != nil {
		return fmt.Errorf("write what was seen: %w", err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("write what was seen: %w", err)
	}
	return nil
}

// remote is a source as the app sees it: nothing of it can be started or stopped.
type remote struct{ url string }

var (
	_ ui.Cluster = remote{}

	errNoMachines = errors.New("there are no machines behind a synthetic cluster")
)

func (r remote) Name() string                                { return "synthetic" }
func (r remote) Components() []component.Info                { return nil }
func (r remote) Watch(context.Context) <-chan component.Info { return nil }
func (r remote) RESTConfig(context.Context) (*rest.Config, error) {
	return &rest.Config{Host: r.url, QPS: -1}, nil
}
func (r remote) Ready(context.Context) error                  { return nil }
func (r remote) StopComponent(context.Context, string) error  { return errNoMachines }
func (r remote) StartComponent(context.Context, string) error { return errNoMachines }
func (r remote) StopNode(context.Context, string) error       { return errNoMachines }
func (r remote) StartNode(context.Context, string) error      { return errNoMachines }
func (r remote) KillNode(context.Context, string) error       { return errNoMachines }
func (r remote) LogFile(string) string                        { return "" }
