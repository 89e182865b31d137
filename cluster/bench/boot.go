// Package bench measures a cluster from outside, as its user feels it: it starts the
// program itself, and looks at it through the API and /proc.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster"
	"kubarium/cluster/component"
	"kubarium/cluster/control"
	"kubarium/cluster/machine"
)

// Boot is what a start of the cluster, with the app, was measured to take. Times are
// seconds since the program was started, unless it says otherwise.
type Boot struct {
	EtcdReady  float64 `json:"etcd_ready_s"`
	APIReady   float64 `json:"api_readyz_s"`
	NodesReady float64 `json:"nodes_ready_s"`
	// DNS is when a pod had resolved kubernetes.default.
	DNS float64 `json:"dns_s"`
	// AppViaDNS is when a Deployment made after the boot had answered another pod by
	// its Service's name.
	AppViaDNS float64 `json:"app_via_dns_s"`
	// DeploymentReady is from the creation of a Deployment to three Ready replicas, one
	// on each node.
	DeploymentReady float64 `json:"deployment_ready_s"`
	// PeakPSS and IdlePSS are the memory of all processes, in MiB.
	PeakPSS float64 `json:"peak_pss_mib"`
	IdlePSS float64 `json:"idle_pss_mib"`
	// IdleCPU is how many processors an idle cluster keeps busy, over 30 s.
	IdleCPU float64 `json:"idle_cpu_cores"`
}

// Options say what to measure.
type Options struct {
	// Self is the program.
	Self string
	// Dir is a new directory, removed at the end.
	Dir string
	// Idle is how long the idle cluster is watched; 0 leaves that out.
	Idle time.Duration
	// Disable are the add-ons to leave out.
	Disable []string
}

// settle is how long the cluster is left alone before it counts as idle.
const settle = 25 * time.Second

// limit bounds each thing that is waited for.
const limit = 2 * time.Minute

const name = "bench"

// RunBoot starts a cluster in Dir, measures it, and ends it; the state stays.
func RunBoot(ctx context.Context, o Options) (Boot, error) {
	r := &run{options: o, layout: cluster.LayoutOf(o.Dir, name)}
	if err := r.start(); err != nil {
		return Boot{}, err
	}
	err := r.measure(ctx)
	return r.result, errors.Join(err, r.stop())
}

// run is one start of the program.
type run struct {
	options Options
	layout  cluster.Layout
	cmd     *exec.Cmd
	screen  *os.File
	begin   time.Time
	exited  chan struct{}
	result  Boot
}

// start runs the program with its app, on a terminal of its own.
func (r *run) start() error {
	r.cmd = exec.Command(r.options.Self, "--name", name, "--data-dir", r.options.Dir, "--disable", strings.Join(r.options.Disable, ","))
	r.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "XDG_STATE_HOME="+filepath.Join(r.options.Dir, "user"))
	r.begin = time.Now()
	var err error
	if r.screen, err = pty.StartWithSize(r.cmd, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		return fmt.Errorf("start the program: %w", err)
	}
	r.exited = make(chan struct{})
	go func() {
		// What it draws is for nobody; the terminal must be read all the same.
		_, _ = io.Copy(io.Discard, r.screen)
	}()
	go func() {
		defer close(r.exited)
		_ = r.cmd.Wait()
	}()
	return nil
}

func (r *run) stop() error {
	defer r.screen.Close()
	return end(r.cmd, r.exited)
}

func (r *run) measure(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-r.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	peak := r.watchPeak(ctx)
	if err := r.boot(ctx); err != nil {
		return err
	}
	err := r.idle(ctx)
	r.result.PeakPSS = peak()
	return err
}

// boot measures the start: at once there is a pod that asks for a name, and as soon as
// all nodes are Ready a Deployment and who asks that. Neither waits for the other.
func (r *run) boot(ctx context.Context) error {
	group, grouped := errgroup.WithContext(ctx)
	client, err := r.connect(ctx)
	if err != nil {
		return err
	}
	w := workload{client: client}
	group.Go(func() error {
		resolved, err := w.resolve(grouped)
		r.result.DNS = resolved.Sub(r.begin).Seconds()
		return err
	})
	group.Go(func() error {
		if err := r.watchComponents(grouped); err != nil {
			return err
		}
		answered, err := w.serveAndAsk(grouped)
		r.result.AppViaDNS = answered.Sub(r.begin).Seconds()
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if r.result.DeploymentReady, err = w.deploy(ctx); err != nil {
		return err
	}
	return w.cleanUp(ctx)
}

// watchComponents notes when etcd, the API server and all nodes are ready.
func (r *run) watchComponents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := control.NewClient(r.layout.ControlSocket())
	waiting := map[string]bool{"etcd": true, "kube-apiserver": true, "node-1": true, "node-2": true, "node-3": true}
	for len(waiting) > 0 {
		err := client.Watch(ctx, func(info component.Info) {
			if info.State != component.Ready || !waiting[info.Name] {
				return
			}
			at := info.Since.Sub(r.begin).Seconds()
			delete(waiting, info.Name)
			switch info.Name {
			case "etcd":
				r.result.EtcdReady = at
			case "kube-apiserver":
				r.result.APIReady = at
			default:
				r.result.NodesReady = max(r.result.NodesReady, at)
			}
			if len(waiting) == 0 {
				cancel()
			}
		})
		if len(waiting) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, control.ErrNotRunning) {
			return fmt.Errorf("watch components: %w", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// connect returns a client as soon as there is a kubeconfig.
func (r *run) connect(ctx context.Context) (kubernetes.Interface, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		config, err := clientcmd.BuildConfigFromFlags("", r.layout.Kubeconfig())
		if err == nil {
			config.QPS = -1
			return kubernetes.NewForConfig(config)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for kubeconfig: %w", err)
		}
	}
}

// watchPeak samples memory until the returned function is called.
func (r *run) watchPeak(ctx context.Context) func() float64 {
	ctx, cancel := context.WithCancel(ctx)
	peak := make(chan float64, 1)
	go func() {
		highest := 0.0
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if u, err := machine.MeasureUsage(r.cmd.Process.Pid); err == nil {
					highest = max(highest, mebibytes(u.PSS))
				}
			case <-ctx.Done():
				peak <- highest
				return
			}
		}
	}()
	return func() float64 { cancel(); return <-peak }
}

func (r *run) idle(ctx context.Context) error {
	if r.options.Idle == 0 {
		return nil
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := machine.MeasureUsage(r.cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("measure idle cluster: %w", err)
	}
	begin := time.Now()
	if err := pause(ctx, r.options.Idle); err != nil {
		return err
	}
	after, err := machine.MeasureUsage(r.cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("measure idle cluster: %w", err)
	}
	r.result.IdlePSS = mebibytes(after.PSS)
	r.result.IdleCPU = (after.CPU - before.CPU).Seconds() / time.Since(begin).Seconds()
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
