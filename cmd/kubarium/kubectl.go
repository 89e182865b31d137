package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/plugin"
	"k8s.io/kubectl/pkg/cmd/util"

	"kubarium/cluster"
	"kubarium/cmd/kubarium/kubectlargs"
)

func newKubectlCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl [kubectl arguments]",
		Short:              "Run kubectl against the cluster",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			return runKubectl(g, args)
		},
	}
}

// runKubectl is the whole of kubectl. Our own flags are understood before its first
// other argument: kubarium kubectl --name other get pods. Without g it is kubectl as it
// is anywhere, for a program that is called so.
func runKubectl(g *global, args []string) error {
	if g != nil {
		var err error
		if args, err = g.chooseCluster(args); err != nil {
			return err
		}
	}
	// kubectl expects that signals end it: most of its commands have no other end.
	signal.Reset()
	os.Args = append([]string{"kubectl"}, args...)
	command := cmd.NewDefaultKubectlCommandWithArgs(cmd.KubectlOptions{
		ConfigFlags:   followed(os.Getenv(followAgent)),
		PluginHandler: cmd.NewDefaultPluginHandler(plugin.ValidPluginFilenamePrefixes),
		Arguments:     os.Args,
		IOStreams:     genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
	})
	command.SetArgs(args)
	if err := cli.RunNoErrOutput(command); err != nil {
		// kubectl has its own way of telling errors, and its own exit codes.
		util.CheckErr(err)
	}
	return nil
}

// chooseCluster takes our own flags off the arguments, and tells kubectl of the cluster.
func (g *global) chooseCluster(args []string) ([]string, error) {
	args, err := kubectlargs.Take(args, map[string]*string{"name": &g.name, "data-dir": &g.dataDir})
	if err != nil {
		return nil, err
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	if path := os.Getenv("KUBARIUM_KUBECONFIG"); path != "" {
		return args, os.Setenv("KUBECONFIG", path)
	}
	path, err := g.kubeconfig()
	if err == nil {
		return args, os.Setenv("KUBECONFIG", path)
	}
	if kubectlargs.NeedCluster(args) {
		return nil, err
	}
	return args, nil
}

// followed has kubectl's requests carry a mark; nil, which is kubectl's own way, without.
func followed(mark string) *genericclioptions.ConfigFlags {
	if mark == "" {
		return nil
	}
	flags := genericclioptions.NewConfigFlags(true)
	flags.WrapConfigFn = func(config *rest.Config) *rest.Config {
		config.UserAgent = rest.DefaultKubernetesUserAgent() + " " + mark
		return config
	}
	return flags
}

// kubeconfig returns the path of the cluster's kubeconfig that the caller can read:
// the cluster's own, or the copy of the user behind sudo.
func (g *global) kubeconfig() (string, error) {
	invoker, err := cluster.FindInvoker()
	if err != nil {
		return "", err
	}
	for _, path := range []string{g.layout().Kubeconfig(), filepath.Join(invoker.StateDir(), g.name+".kubeconfig")} {
		file, err := os.Open(path)
		if err == nil {
			return path, file.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return "", fmt.Errorf("read kubeconfig: %w", err)
		}
	}
	return "", fmt.Errorf("there is no cluster %q in %s: start it with 'sudo kubarium up%s'", g.name, g.dataDir, g.nameFlag())
}

func newEnvCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print what to eval so that kubectl, helm and others use the cluster",
		Example: `  eval "$(kubarium env)"
  kubectl get nodes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := g.kubeconfig()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "export KUBECONFIG=%s\n", quote(path))
			if _, err := exec.LookPath("kubectl"); err != nil {
				self, err := os.Executable()
				if err != nil {
					return fmt.Errorf("find own program: %w", err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "kubectl() { KUBARIUM_KUBECONFIG=\"$KUBECONFIG\" %s kubectl \"$@\"; }\n", quote(self))
			}
			return nil
		},
	}
}

// quote makes one word of s for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
