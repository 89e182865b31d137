package controlplane

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	encryptioncontroller "k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"
	"k8s.io/component-base/metrics/legacyregistry"
)

const (
	// EncryptionConfigFile is the name, among the certificates, of what says how Secrets are kept
	// in etcd. Without it they are kept as they are.
	EncryptionConfigFile = "encryption.yaml"
	// encryptionPoll is how often the API server looks whether that has changed: upstream's minute
	// is long for who waits for it.
	encryptionPoll = 500 * time.Millisecond
	// encryptionLimit is how long it may take to read it.
	encryptionLimit = 30 * time.Second
	// encryptionLoaded is the gauge that has the hash of what it has read.
	encryptionLoaded = "apiserver_encryption_config_controller_last_config_info"
)

// encryptionFlags have the API server read the file, if there is one, and read it again when it
// changes.
func (c Config) encryptionFlags() []string {
	path := c.PKI.Path(EncryptionConfigFile)
	if !exists(path) {
		return nil
	}
	// Upstream has no flag for it.
	encryptioncontroller.EncryptionConfigFileChangePollDuration = encryptionPoll
	return []string{"--encryption-provider-config=" + path, "--encryption-provider-config-automatic-reload=true"}
}

// AwaitEncryption waits until the API server goes by what is in the file now.
func (a *APIServer) AwaitEncryption(ctx context.Context) error {
	hash, err := encryptionconfig.GetEncryptionConfigHash(a.config.PKI.Path(EncryptionConfigFile))
	if err != nil {
		return fmt.Errorf("read encryption configuration: %w", err)
	}
	// It tells of it by nothing else.
	err = wait.PollUntilContextTimeout(ctx, encryptionPoll, encryptionLimit, true, func(context.Context) (bool, error) {
		families, err := legacyregistry.DefaultGatherer.Gather()
		for _, family := range families {
			if family.GetName() != encryptionLoaded {
				continue
			}
			for _, m := range family.GetMetric() {
				if labelOf(m, "hash") == hash {
					return true, nil
				}
			}
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("wait for the API server to read its encryption configuration: %w", err)
	}
	return nil
}
