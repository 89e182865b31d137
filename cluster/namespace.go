package cluster

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
)

// UseNamespace lets kubectl, wherever it runs with the cluster's kubeconfig, work in
// a namespace unless it is told otherwise.
func (c *Cluster) UseNamespace(namespace string) error {
	config, err := clientcmd.LoadFromFile(c.layout.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	if current := config.Contexts[config.CurrentContext]; current != nil {
		current.Namespace = namespace
	}
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	return replaceFile(c.layout.Kubeconfig(), data, c.invoker.UID, c.invoker.GID)
}
