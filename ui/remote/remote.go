// Package remote is a cluster that somebody else runs, as a kubeconfig names it: the app
// shows its objects, and there is no looking inside its components.
package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubarium/cluster/component"
)

// Cluster is such a cluster.
type Cluster struct {
	config    *rest.Config
	name      string
	namespace string
	// alone is the kubeconfig with what the context names, and nothing else.
	alone clientcmdapi.Config
}

// askEvery is how often a server that does not answer is asked again.
const askEvery = time.Second

// Open reads a kubeconfig. An empty path means $KUBECONFIG or ~/.kube/config, an empty
// name of a context the current one.
func Open(kubeconfig, name string) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: name})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	if name == "" {
		name = raw.CurrentContext
	}
	if _, ok := raw.Contexts[name]; !ok {
		contexts := strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
		if contexts == "" {
			return nil, errors.New("the kubeconfig has no contexts: name one that has by --kubeconfig")
		}
		return nil, fmt.Errorf("the kubeconfig has no context %q: choose one by --context of %s", name, contexts)
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	raw.CurrentContext = name
	if err := errors.Join(clientcmdapi.MinifyConfig(&raw), clientcmdapi.FlattenConfig(&raw)); err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	// As kubectl, which asks a server for all of its kinds at once.
	config.QPS, config.Burst = 50, 300
	return &Cluster{config: config, name: name, namespace: namespace, alone: raw}, nil
}

// WriteKubeconfig writes a kubeconfig of this cluster alone, for its owner's eyes, so that
// other programs mean the same one.
func (c *Cluster) WriteKubeconfig(path string) error {
	if err := clientcmd.WriteToFile(c.alone, path); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

var errNotOurs = errors.New("this cluster is run elsewhere")

// Name is the context's.
func (c *Cluster) Name() string { return c.name }

// Namespace is the context's.
func (c *Cluster) Namespace() string { return c.namespace }

// Components are not known.
func (c *Cluster) Components() []component.Info { return nil }

// Watch tells of no components.
func (c *Cluster) Watch(context.Context) <-chan component.Info { return nil }

// RESTConfig is the kubeconfig's.
func (c *Cluster) RESTConfig(context.Context) (*rest.Config, error) { return c.config, nil }

// StopComponent and its like are for those who run the cluster.
func (c *Cluster) StopComponent(context.Context, string) error { return errNotOurs }

// StartComponent is for those who run the cluster.
func (c *Cluster) StartComponent(context.Context, string) error { return errNotOurs }

// StopNode is for those who run the cluster.
func (c *Cluster) StopNode(context.Context, string) error { return errNotOurs }

// StartNode is for those who run the cluster.
func (c *Cluster) StartNode(context.Context, string) error { return errNotOurs }

// KillNode is for those who run the cluster.
func (c *Cluster) KillNode(context.Context, string) error { return errNotOurs }

// LogFile is none.
func (c *Cluster) LogFile(string) string { return "" }

// Ready waits until the API server answers; refusals end it.
func (c *Cluster) Ready(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	for {
		_, err := client.Discovery().ServerVersion()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
		case <-time.After(askEvery):
		}
	}
}
