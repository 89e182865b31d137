package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/control"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/encryption"
	"kubarium/cluster/wholefile"
)

// encryptFromStart has Secrets encrypted when the options ask for it. Those that are
// there are written anew when the API server serves.
func (c *Cluster) encryptFromStart() error {
	if !c.options.EncryptSecrets {
		return nil
	}
	enabled, err := encryption.Enabled(c.encryptionConfig())
	if err != nil || enabled {
		return err
	}
	return c.configureEncryption(true)
}

// EncryptSecrets has Secrets encrypted in etcd, or no longer: the API server alone is
// restarted, and writes all of them anew.
func (c *Cluster) EncryptSecrets(ctx context.Context, on bool) (control.Encryption, error) {
	c.encrypting.Lock()
	defer c.encrypting.Unlock()
	result := control.Encryption{Encrypted: on}
	path := c.encryptionConfig()
	enabled, err := encryption.Enabled(path)
	if err != nil {
		return result, err
	}
	if enabled == on && !c.rewriting() {
		return result, nil
	}
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return result, fmt.Errorf("read encryption configuration: %w", err)
	}
	if err := c.configureEncryption(on); err != nil {
		return result, err
	}
	if err := c.restartComponent(ctx, controlplane.APIServerName); err != nil {
		return result, errors.Join(err, c.restoreEncryption(ctx, before))
	}
	result.Rewritten, err = c.rewriteSecrets(ctx)
	result.Changed = true
	return result, err
}

func (c *Cluster) encryptionConfig() string { return c.pki.Path(controlplane.EncryptionConfigFile) }

// configureEncryption writes the configuration, after a note that Secrets are to be
// written anew: the next start does what this run does not come to.
func (c *Cluster) configureEncryption(on bool) error {
	data, err := encryption.Configure(c.encryptionConfig(), on)
	if err != nil {
		return err
	}
	if err := c.noteRewriting(true); err != nil {
		return err
	}
	if err := wholefile.Write(c.encryptionConfig(), 0o600, data); err != nil {
		return fmt.Errorf("write encryption configuration: %w", err)
	}
	return nil
}

// restoreEncryption goes back to the configuration with which the API server ran.
func (c *Cluster) restoreEncryption(ctx context.Context, before []byte) error {
	var err error
	if before == nil {
		err = os.Remove(c.encryptionConfig())
	} else {
		err = wholefile.Write(c.encryptionConfig(), 0o600, before)
	}
	return errors.Join(err, c.StartComponent(ctx, controlplane.APIServerName))
}

func (c *Cluster) restartComponent(ctx context.Context, name string) error {
	if err := c.StopComponent(ctx, name); err != nil {
		return err
	}
	return c.StartComponent(ctx, name)
}

// finishEncryption writes Secrets anew if a change of their encryption did not come to
// that.
func (c *Cluster) finishEncryption(ctx context.Context) {
	c.encrypting.Lock()
	defer c.encrypting.Unlock()
	if !c.rewriting() {
		return
	}
	_, err := c.rewriteSecrets(ctx)
	c.tell(ctx, "encrypt Secrets", err)
}

func (c *Cluster) rewriteSecrets(ctx context.Context) (int, error) {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return 0, fmt.Errorf("make client: %w", err)
	}
	n, err := encryption.Rewrite(ctx, client)
	if err != nil {
		return n, err
	}
	return n, c.noteRewriting(false)
}

func (c *Cluster) rewriting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.RewriteSecrets
}

func (c *Cluster) noteRewriting(pending bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.RewriteSecrets = pending
	return c.state.write(c.layout.state())
}
