package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/component"
	"kubarium/cluster/control"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/encryption"
	"kubarium/cluster/wholefile"
)

// encryptFromStart has Secrets encrypted when the options ask for it. Those that are
// there are written anew when the API server serves. In any case there is a configuration
// then: without one at its start, the API server reads none later.
func (c *Cluster) encryptFromStart() error {
	enabled, err := encryption.Enabled(c.encryptionConfig())
	switch {
	case err != nil:
		return err
	case c.options.EncryptSecrets && !enabled:
		return c.configureEncryption(true)
	}
	_, err = os.Stat(c.encryptionConfig())
	if errors.Is(err, fs.ErrNotExist) {
		return c.writeEncryption(false)
	}
	return err
}

// EncryptSecrets has Secrets encrypted in etcd, or no longer: the API server reads its
// configuration again, and writes all of them anew.
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
	switch info, _ := c.tracker.get(controlplane.APIServerName); info.State {
	case component.Ready:
	case component.Frozen:
		return result, errFrozen
	default:
		return result, fmt.Errorf("the API server is %s: have it ready first, with 'kubarium component start %s'", info.State, controlplane.APIServerName)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return result, fmt.Errorf("read encryption configuration: %w", err)
	}
	if err := c.configureEncryption(on); err != nil {
		return result, err
	}
	if err := c.plane.APIServer.AwaitEncryption(ctx); err != nil {
		// As it was: nothing was written by the new one yet.
		return result, errors.Join(err, wholefile.Write(path, 0o600, before))
	}
	result.Rewritten, err = c.rewriteSecrets(ctx)
	result.Changed = true
	return result, err
}

func (c *Cluster) encryptionConfig() string { return c.pki.Path(controlplane.EncryptionConfigFile) }

// configureEncryption writes the configuration, after a note that Secrets are to be
// written anew: the next start does what this run does not come to.
func (c *Cluster) configureEncryption(on bool) error {
	if err := c.noteRewriting(true); err != nil {
		return err
	}
	return c.writeEncryption(on)
}

func (c *Cluster) writeEncryption(on bool) error {
	data, err := encryption.Configure(c.encryptionConfig(), on)
	if err != nil {
		return err
	}
	if err := wholefile.Write(c.encryptionConfig(), 0o600, data); err != nil {
		return fmt.Errorf("write encryption configuration: %w", err)
	}
	return nil
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
