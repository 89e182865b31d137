package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"kubarium/cluster"
	"kubarium/cluster/memory"
	"kubarium/cluster/shell"
	"kubarium/ui"
	"kubarium/ui/remote"
)

// guestFlags choose a cluster that others run.
type guestFlags struct{ kubeconfig, context string }

func (f *guestFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "show the cluster of this kubeconfig instead of starting one; no root needed")
	cmd.Flags().StringVar(&f.context, "context", "", "context of the kubeconfig, by itself of $KUBECONFIG or ~/.kube/config")
	for _, own := range []string{"nodes", "disable", "encrypt-secrets", "unsafe-no-fsync", "lesson"} {
		cmd.MarkFlagsMutuallyExclusive("kubeconfig", own)
		cmd.MarkFlagsMutuallyExclusive("context", own)
	}
}

func (f *guestFlags) given() bool { return f.kubeconfig != "" || f.context != "" }

// runGuest shows the app on a cluster that is not ours.
func runGuest(cmd *cobra.Command, guest guestFlags, flags appFlags) error {
	if !stdoutIsTerminal() && !flags.plain {
		return errors.New("the app needs a terminal")
	}
	c, err := remote.Open(guest.kubeconfig, guest.context)
	if err != nil {
		return err
	}
	// What libraries have to say would be written over the app.
	klog.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "kubarium-guest-")
	if err != nil {
		return fmt.Errorf("make directory for the terminal: %w", err)
	}
	defer os.RemoveAll(dir)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := c.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	user, err := cluster.FindInvoker()
	if err != nil {
		return err
	}
	wanted, err := flags.settings(cmd, user)
	if err != nil {
		return err
	}
	open := shell.Options{User: user, Dir: dir, Kubeconfig: kubeconfig, Program: self()}
	kept, remember := keptMemory(user, "guest-"+url.PathEscape(c.Name())+".json")
	memory.ForApp()
	return show(cmd.Context(), cmd, wanted, ui.Options{
		Memory: kept, Remember: remember,
		Cluster: c, Guest: true, Version: version, NoMotion: wanted.NoMotion, ASCII: wanted.ASCII, Theme: wanted.Theme, OwnTheme: wanted.OwnTheme, Keys: wanted.Keys,
		Kubectl: guestKubectl(kubeconfig), Shell: func() (*exec.Cmd, error) { return open.Local(cmd.Context()) },
	})
}

func guestKubectl(kubeconfig string) func(context.Context, ...string) *exec.Cmd {
	return func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, self(), append([]string{"kubectl"}, args...)...)
		cmd.Env = append(os.Environ(), "KUBARIUM_KUBECONFIG="+kubeconfig)
		return cmd
	}
}
