package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster"
	"kubarium/cluster/addons"
	"kubarium/cluster/control"
	"kubarium/cmd/kubarium/invocation"
)

// global flags mean the same on every command.
type global struct {
	name    string
	dataDir string
}

func newRootCommand() *cobra.Command {
	g := &global{}
	start := startFlags{}
	app := appFlags{}
	guest := guestFlags{}
	root := &cobra.Command{
		Use:   "kubarium",
		Short: "A real Kubernetes cluster behind glass, in your terminal",
		Long: `Kubarium starts a real Kubernetes cluster of several nodes on this machine, and
shows it live while you learn: etcd, the API server, controllers, scheduler,
kubelets, containerd and real containers, without Docker, a virtual machine or
the internet.

Without a command it starts the cluster and the app.`,
		Example: `  # Start the cluster and the app
  sudo kubarium

  # Start the cluster alone, and use it from another terminal
  sudo kubarium up
  eval "$(kubarium env)"
  kubectl get nodes`,
		Version:           version,
		Args:              cobra.NoArgs,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		// Each command makes paths of these, and some remove what is there.
		PersistentPreRunE: func(*cobra.Command, []string) error { return g.check() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if guest.given() {
				return runGuest(cmd, guest, app)
			}
			return runApp(cmd, g, start, app)
		},
	}
	root.PersistentFlags().StringVar(&g.name, "name", cluster.DefaultName, "name of the cluster")
	root.PersistentFlags().StringVar(&g.dataDir, "data-dir", cluster.DefaultDataDir, "directory that holds the state of all clusters")
	start.bind(root)
	app.bind(root)
	guest.bind(root)
	root.AddCommand(
		newUpCommand(g), newDownCommand(g), newKubectlCommand(g), newEnvCommand(g), newShellCommand(g),
		newSnapshotCommand(g), newUndoCommand(g), newRedoCommand(g),
		newNodeCommand(g), newComponentCommand(g), newFaultCommand(g), newClockCommand(g), newHoldCommand(g), newStepCommand(g), newReleaseCommand(g),
		newFreezeCommand(g), newThawCommand(g),
		newImageCommand(g), newLessonCommand(g), newGlossaryCommand(),
		newDoctorCommand(g), newEncryptSecretsCommand(g), newEtcdCommand(g), newTraceCommand(g), newFollowCommand(g), newInspectCommand(g),
		newBenchCommand(), newConfigCommand(), newSupportBundleCommand(g), newResetCommand(g), newCleanCommand(g), newVersionCommand(),
	)
	invocation.Explain(root)
	return root
}

// check refuses what names no cluster, such as a variable of a script that is empty.
func (g *global) check() error {
	if g.dataDir == "" {
		return errors.New("--data-dir is empty: name a directory, or leave it out")
	}
	return cluster.CheckName(g.name)
}

func (g *global) layout() cluster.Layout {
	dir, err := filepath.Abs(g.dataDir)
	if err != nil {
		dir = g.dataDir
	}
	return cluster.LayoutOf(dir, g.name)
}

func (g *global) client() *control.Client { return control.NewClient(g.layout().ControlSocket()) }

// explain adds the remedy to what the control socket answers.
func (g *global) explain(err error) error {
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return fmt.Errorf("the cluster %q is not running: start it with 'sudo kubarium up%s'", g.name, g.nameFlag())
	case errors.Is(err, control.ErrPermission):
		return fmt.Errorf("only root may command the cluster %q: run the same with sudo", g.name)
	default:
		return err
	}
}

// same returns the arguments of a command so that it means this cluster.
func (g *global) same(args []string) []string {
	return append(slices.Clone(args), "--name", g.name, "--data-dir", g.dataDir)
}

// nameFlag is what to add to a command so that it means this cluster.
func (g *global) nameFlag() string {
	if g.name == cluster.DefaultName {
		return ""
	}
	return " --name " + g.name
}

// startFlags are those of every command that starts a cluster.
type startFlags struct {
	nodes   int
	members membersFlag
	disk    bytesFlag
	noFsync bool
	noTrace bool
	disable []string
	encrypt bool
	life    time.Duration
}

func (f *startFlags) bind(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.nodes, "nodes", cluster.DefaultNodes, "how many nodes a new cluster has")
	f.members = 1
	cmd.Flags().Var(&f.members, "etcd-members", "how many members the etcd of a new cluster has: 1 or 3")
	cmd.Flags().Var(&f.disk, "node-disk", "give each node of a new cluster a disk of its own, of this size (2Gi), which can be full")
	cmd.Flags().BoolVar(&f.noFsync, "unsafe-no-fsync", false, "let etcd skip fsync: faster on slow disks, and not durable")
	cmd.Flags().BoolVar(&f.noTrace, "no-trace", false, "do not look inside the components: no trace, follow, undo or rewinding")
	cmd.Flags().BoolVar(&f.encrypt, "encrypt-secrets", false, "keep Secrets encrypted in etcd, from now on")
	cmd.Flags().DurationVar(&f.life, "certificate-lifetime", 0, "how long certificates are good; they are renewed before they end (default a year)")
	cmd.Flags().StringSliceVar(&f.disable, "disable", nil, "add-ons to leave out: "+strings.Join(addons.Names(), ","))
}

func (f startFlags) options(g *global) cluster.Options {
	return cluster.Options{Name: g.name, DataDir: g.dataDir, Nodes: f.nodes, EtcdMembers: int(f.members), NodeDisk: int64(f.disk), UnsafeNoFsync: f.noFsync, NoTrace: f.noTrace, Disable: f.disable, EncryptSecrets: f.encrypt, CertificateLifetime: f.life, Version: version}
}

// stdoutIsTerminal reports whether somebody looks.
func stdoutIsTerminal() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
