package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster"
	"kubarium/cluster/machine"
	"kubarium/lessons/play"
	"kubarium/ui"
	"kubarium/ui/command"
	"kubarium/ui/etcd"
	"kubarium/ui/glass"
	"kubarium/ui/lesson"
	"kubarium/ui/plain"
	"kubarium/ui/settings"
	"kubarium/ui/theme"
)

// queuesEvery is how often the app asks what waits in queues, while that is seen.
const queuesEvery = 2 * time.Second

// appFlags are those of the app.
type appFlags struct {
	noMotion, ascii, plain bool
	theme, lesson          string
	course                 courseFlags
}

func (f *appFlags) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.noMotion, "no-motion", false, "keep everything on the screen still")
	cmd.Flags().BoolVar(&f.plain, "plain", false, "print what changes as lines and take commands at a prompt: for screen readers")
	cmd.Flags().BoolVar(&f.ascii, "ascii", false, "draw with ASCII characters only")
	f.course.bind(cmd.Flags())
	cmd.Flags().StringVar(&f.theme, "theme", "auto", "colours: "+strings.Join(theme.Names(), ", ")+", or a file of your own (docs/CONFIG.md)")
	cmd.Flags().StringVar(&f.lesson, "lesson", "", "lesson to open, by its ID")
}

// settings are those of the user's file, and of the flags where there are any.
func (f appFlags) settings(cmd *cobra.Command, invoker cluster.Invoker) (settings.Settings, error) {
	s, _, err := readSettings(invoker)
	if err != nil {
		return s, err
	}
	if cmd.Flags().Changed("theme") {
		s.Theme = f.theme
	}
	if cmd.Flags().Changed("ascii") {
		s.ASCII = f.ascii
	}
	if cmd.Flags().Changed("plain") {
		s.Plain = f.plain
	}
	if cmd.Flags().Changed("no-motion") {
		s.NoMotion = f.noMotion
	}
	if cmd.Flags().Changed("theme") {
		s.ThemeAt = "--theme"
	}
	s.OwnTheme, err = ownTheme(invoker, s)
	return s, err
}

// show runs the app as the user wants it.
func show(ctx context.Context, cmd *cobra.Command, wanted settings.Settings, options ui.Options) error {
	if wanted.Plain {
		return plain.Run(ctx, options, cmd.InOrStdin(), cmd.OutOrStdout())
	}
	return ui.Run(ctx, options)
}

// runApp starts the cluster, and the app on it; the cluster ends with the app.
func runApp(cmd *cobra.Command, g *global, start startFlags, flags appFlags) (err error) {
	if !stdoutIsTerminal() && !flags.plain {
		return errors.New("the app needs a terminal: use --plain to have it as lines, or 'kubarium up' to start the cluster without it")
	}
	if err := needRoot(cmd, whyRoot); err != nil {
		return err
	}
	c, err := cluster.New(start.options(g))
	if err != nil {
		return err
	}
	ctx, cancel := c.Context(cmd.Context())
	defer cancel()
	wanted, err := flags.settings(cmd, c.Invoker())
	if err != nil {
		return err
	}
	options, err := appOptions(ctx, c, g, flags, wanted)
	if err != nil {
		return err
	}
	restore, err := divertStderr(g.layout())
	if err != nil {
		return err
	}
	defer restore()
	starting := make(chan error, 1)
	go func() { starting <- ignoreStop(ctx, c.Start(ctx)) }()
	uiErr := show(ctx, cmd, wanted, options)
	cancel()
	fmt.Fprintln(cmd.OutOrStdout(), "Stopping the cluster; its state is kept.")
	return errors.Join(ignoreStop(ctx, uiErr), <-starting, stopCluster(c))
}

func appOptions(ctx context.Context, c *cluster.Cluster, g *global, flags appFlags, wanted settings.Settings) (ui.Options, error) {
	open := flags.lesson
	lessons, err := flags.course.load(ctx)
	if err != nil {
		return ui.Options{}, fmt.Errorf("load the course: %w", err)
	}
	invoker := c.Invoker()
	home, err := invoker.MakeDir()
	if err != nil {
		return ui.Options{}, err
	}
	progress, err := play.OpenProgress(flags.course.progress(filepath.Join(home, "lessons.json")))
	if err != nil {
		return ui.Options{}, fmt.Errorf("open progress: %w", err)
	}
	progress.WriteAs(invoker.As)
	work := filepath.Join(home, "work")
	if err := invoker.Mkdir(work); err != nil {
		return ui.Options{}, err
	}
	kubectl := kubectlFor(c, g, work)
	memory, remember := keptMemory(invoker, "app-"+c.Name()+".json")
	if open != "" {
		memory.Panel = nil
	}
	return ui.Options{
		Cluster: c,
		Lessons: lesson.New(ctx, lesson.Options{
			Course: lessons, Progress: progress, WorkDir: work, Kubectl: kubectl, Open: open, ASCII: wanted.ASCII, Keys: wanted.Keys,
			Control: g.client(), Namespace: c.UseNamespace,
		}),
		Kubectl: kubectl, Version: version, NoMotion: wanted.NoMotion, ASCII: wanted.ASCII, Theme: wanted.Theme, OwnTheme: wanted.OwnTheme, Keys: wanted.Keys,
		Shell: func() (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, self(), "--name", g.name, "--data-dir", g.dataDir, "shell")
			cmd.Dir, cmd.Env = work, invoker.Environment()
			return cmd, nil
		},
		Memory: memory, Remember: remember,
		Usage: usage(), Trace: c.Trace(), Rewind: rewinder{c}, Processes: c.Processes,
		Faults: c.Faults(), Holds: c.Holds(),
		Etcd: etcd.Source{Keys: c.EtcdKeys, History: c.EtcdHistory, Changed: etcd.Writes(c.Trace())},
		Glass: glass.Sources{
			Flow: glass.Watch(c.Trace()), Queues: c.WorkQueues, Pending: c.Pending, Value: c.EtcdValue, Every: queuesEvery,
		},
	}, nil
}

// self is this program's file.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// kubectlFor makes kubectl processes that run as the user, not as root, in dir. What is
// not for kubectl but for Kubarium itself runs as it does.
func kubectlFor(c *cluster.Cluster, g *global, dir string) func(context.Context, ...string) *exec.Cmd {
	invoker := c.Invoker()
	return func(ctx context.Context, args ...string) *exec.Cmd {
		if command.Own(args) {
			cmd := exec.CommandContext(ctx, self(), g.same(args)...)
			cmd.Dir, cmd.Env = dir, invoker.Environment()
			return cmd
		}
		cmd := exec.CommandContext(ctx, self(), append([]string{"kubectl"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "KUBARIUM_KUBECONFIG="+c.Layout().Kubeconfig(), "HOME="+invoker.Home, "USER="+invoker.Name)
		if invoker.UID != os.Getuid() {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(invoker.UID), Gid: uint32(invoker.GID)}}
		}
		return cmd
	}
}

// usage measures what this process and all below it cost, between two calls.
func usage() func() (cpuCores, pssMiB float64) {
	last, at := machine.Usage{}, time.Now()
	return func() (float64, float64) {
		now, err := machine.MeasureUsage(os.Getpid())
		if err != nil {
			return 0, 0
		}
		passed := time.Since(at).Seconds()
		cores := 0.0
		if last.Processes > 0 && passed > 0 {
			cores = max(0, (now.CPU-last.CPU).Seconds()/passed)
		}
		last, at = now, time.Now()
		return cores, float64(now.PSS) / (1 << 20)
	}
}
