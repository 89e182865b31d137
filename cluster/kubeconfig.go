package cluster

import (
	"errors"
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubarium/cluster/wholefile"
)

// UseNamespace lets kubectl, wherever it runs with the cluster's kubeconfig, work in
// a namespace unless it is told otherwise.
func (c *Cluster) UseNamespace(namespace string) error {
	return c.changeKubeconfig(func(config *clientcmdapi.Config) {
		if current := config.Contexts[config.CurrentContext]; current != nil {
			current.Namespace = namespace
		}
	})
}

// changeKubeconfig changes the administrator's kubeconfig, and leaves the rest of it.
func (c *Cluster) changeKubeconfig(change func(*clientcmdapi.Config)) error {
	c.access.Lock()
	defer c.access.Unlock()
	config, err := clientcmd.LoadFromFile(c.layout.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	change(config)
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	return c.writeKubeconfig(data)
}

// writeKubeconfig replaces the administrator's kubeconfig, which belongs to the user
// behind sudo.
func (c *Cluster) writeKubeconfig(data []byte) error {
	err := wholefile.Stream(c.layout.Kubeconfig(), 0o600, func(file *os.File) error {
		_, err := file.Write(data)
		return errors.Join(err, file.Chown(c.invoker.UID, c.invoker.GID))
	})
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
