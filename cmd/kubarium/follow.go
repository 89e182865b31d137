package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster/printable"
	"kubarium/cluster/story"
	"kubarium/cluster/trace"
	"kubarium/ui/resource"
)

// followAgent is in the environment of a kubectl that is followed: a mark in the user agent
// of its requests.
const followAgent = "KUBARIUM_FOLLOW"

type followFlags struct {
	namespace, output string
	follow            bool
	idle              time.Duration
}

func newFollowCommand(g *global) *cobra.Command {
	var flags followFlags
	cmd := &cobra.Command{
		Use: "follow (TYPE/NAME | kubectl COMMAND...)", Short: "Tell what came of an object or a command, in order",
		Long: `Tell one story: who asked for what, what was written to etcd because of it, which
controllers woke and what they wrote, where the scheduler sent the pods, what the kubelets
did on their nodes and reported, and which endpoints lead there. Who caused what is derived from the facts in the
trace (UIDs, owner references, times); where they leave it open, the story says so.
Of what happens on a node, the kubelet's calls to containerd, mounts and probes are told.`,
		Example: `  # All that comes of a command
  kubarium follow kubectl create deployment web --image=kubarium/web:1.0

  # What happened to an object so far, and goes on happening
  kubarium follow deployment/web -f

  # As a page for others to read
  kubarium follow -o markdown service/web > story.md`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			command := args[0] == "kubectl"
			if !command {
				var err error
				if args, err = flagsBehind(cmd, args); err != nil {
					return err
				}
				if err := g.check(); err != nil {
					return err
				}
				if len(args) > 1 {
					return errors.New("one object is followed at a time: TYPE/NAME, or kubectl and its arguments")
				}
			}
			write, ok := storyWriters()[flags.output]
			if !ok {
				return fmt.Errorf("there is no output %q: use lines, markdown, json or otlp", flags.output)
			}
			if command {
				return g.followCommand(cmd, args[1:], flags, write)
			}
			return g.followObject(cmd, args[0], flags, write)
		},
	}
	// What comes after kubectl is kubectl's.
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVarP(&flags.namespace, "namespace", "n", "default", "the object's namespace")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "lines", "lines, markdown, json (one step a line) or otlp (OpenTelemetry traces)")
	cmd.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on until Ctrl-C")
	cmd.Flags().DurationVar(&flags.idle, "idle", 3*time.Second, "a command's story ends when nothing came of it for so long")
	return cmd
}

// flagsBehind reads the flags that stand behind the first argument, and returns what is left.
func flagsBehind(cmd *cobra.Command, args []string) ([]string, error) {
	cmd.Flags().SetInterspersed(true)
	if err := cmd.Flags().Parse(args); err != nil {
		return nil, cmd.FlagErrorFunc()(cmd, err)
	}
	if asked, err := cmd.Flags().GetBool("help"); asked && err == nil {
		return nil, pflag.ErrHelp
	}
	return cmd.Flags().Args(), nil
}

// storyWriter prints a step; first is when the story began.
type storyWriter func(out io.Writer, step story.Step, first time.Time) error

func storyWriters() map[string]storyWriter {
	return map[string]storyWriter{
		"lines": func(out io.Writer, s story.Step, first time.Time) error {
			_, err := fmt.Fprintf(out, "%+9.3f s  %-28s %s  (%s)\n", s.Time.Sub(first).Seconds(), printable.Line(s.Who), printable.Line(s.What), printable.Line(s.Why))
			return err
		},
		"markdown": func(out io.Writer, s story.Step, first time.Time) error {
			_, err := fmt.Fprintf(out, "1. **%+.3f s, %s** %s.\n   Because %s. %s\n", s.Time.Sub(first).Seconds(), printable.Line(s.Who), printable.Line(s.What), printable.Line(s.Why), printable.Line(s.Detail))
			return err
		},
		"otlp": story.WriteOTLP,
		"json": func(out io.Writer, s story.Step, _ time.Time) error { return json.NewEncoder(out).Encode(s) },
	}
}

// followObject tells what is known of an object, and what is to come.
func (g *global) followObject(cmd *cobra.Command, name string, flags followFlags, write storyWriter) error {
	kind, object, ok := strings.Cut(name, "/")
	if !ok || kind == "" || object == "" || strings.Contains(object, "/") {
		return fmt.Errorf("%q is no object: write TYPE/NAME, such as deployment/web", name)
	}
	// The kubeconfig outlives the cluster.
	if _, err := g.client().Info(cmd.Context()); err != nil {
		return g.explain(err)
	}
	root, err := g.rootOf(cmd.Context(), kind, object, flags.namespace)
	if err != nil {
		return err
	}
	n, err := g.tell(cmd, story.New(root), 0, flags.follow, nil, flags, write)
	if err == nil && n == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "The trace has nothing of %s: it keeps the newest %d MiB of events.\n", name, trace.Limit>>20)
	}
	return err
}

// rootOf finds the object that words such as deploy and web mean.
func (g *global) rootOf(ctx context.Context, kind, name, namespace string) (story.Root, error) {
	path, err := g.kubeconfig()
	if err != nil {
		return story.Root{}, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return story.Root{}, err
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return story.Root{}, err
	}
	catalog, err := resource.Discover(ctx, client)
	if err != nil {
		return story.Root{}, err
	}
	found, ok := catalog.Find(kind)
	if !ok {
		return story.Root{}, fmt.Errorf("the server has no kind %q: see 'kubarium kubectl api-resources'", kind)
	}
	root := story.Root{Resource: found.Resource, Group: found.Group, Name: name}
	if found.Namespaced {
		root.Namespace = namespace
	}
	return root, nil
}

// followCommand runs kubectl and tells what comes of it.
func (g *global) followCommand(cmd *cobra.Command, args []string, flags followFlags, write storyWriter) error {
	var last uint64
	err := g.client().Trace(cmd.Context(), 0, false, func(e trace.Event, _ uint64) error { last = e.Seq; return nil })
	if err != nil {
		return g.explain(err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	mark := "follow-" + rand.Text()
	kubectl := exec.CommandContext(cmd.Context(), self, append([]string{"kubectl", "--name", g.name, "--data-dir", g.dataDir}, args...)...)
	kubectl.Env = append(os.Environ(), followAgent+"="+mark)
	// The story is the output; what kubectl says stands beside it.
	kubectl.Stdin, kubectl.Stdout, kubectl.Stderr = os.Stdin, cmd.ErrOrStderr(), cmd.ErrOrStderr()
	ended := make(chan error, 1)
	go func() { ended <- kubectl.Run() }()
	_, err = g.tell(cmd, story.New(story.Root{Agent: mark}), last, true, ended, flags, write)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitCode(exit.ExitCode())
	}
	return err
}

// exitCode is the code of a command that has told its own error.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// ExitCode is what the program ends with.
func (c exitCode) ExitCode() int { return int(c) }

// tell prints steps as they come, and counts them. With a command, it ends some time after
// the command and the last step; else when the trace does.
func (g *global) tell(cmd *cobra.Command, s *story.Story, after uint64, follow bool, command <-chan error, flags followFlags, write storyWriter) (int, error) {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	type read struct {
		trace.Event
		lost uint64
	}
	events, traced := make(chan read), make(chan error, 1)
	go func() {
		traced <- g.client().Trace(ctx, after, follow, func(e trace.Event, lost uint64) error {
			select {
			case events <- read{e, lost}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	n, first := 0, time.Time{}
	var idle <-chan time.Time
	var failed error
	print := func(steps []story.Step) error {
		for _, step := range steps {
			if n == 0 {
				first = step.Time
			}
			n++
			if err := write(cmd.OutOrStdout(), step, first); err != nil {
				return err
			}
		}
		if len(steps) > 0 && idle != nil {
			idle = time.After(flags.idle)
		}
		return nil
	}
	for {
		select {
		case e := <-events:
			s.Missing(e.lost)
			if err := print(s.Add(e.Event)); err != nil {
				return n, err
			}
		case failed = <-command:
			command, idle = nil, time.After(flags.idle)
		case <-idle:
			return n, errors.Join(print(s.Settle(time.Now())), failed)
		case err := <-traced:
			err = errors.Join(print(s.Settle(time.Now())), err)
			if errors.Is(err, context.Canceled) {
				return n, nil
			}
			return n, g.explain(err)
		}
	}
}
