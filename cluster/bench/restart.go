package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster"
	"kubarium/cluster/component"
	"kubarium/cluster/control"
)

// Restart is what it took to stop and start one component, while pods came and went.
type Restart struct {
	Component string `json:"component"`
	Rounds    int    `json:"rounds"`
	// Stop is the median of the rounds, from the order to stop until nothing of the
	// component was left; Start from the order to start until it served again.
	Stop  float64 `json:"stop_s"`
	Start float64 `json:"start_s"`
	// SlowestStart is the worst of the rounds, and Ready the median until the component
	// called itself ready, which the API server does later than it serves.
	SlowestStart float64 `json:"slowest_start_s"`
	Ready        float64 `json:"ready_s"`
	// Lost counts the objects whose creation was acknowledged and that were not there
	// afterwards, and those whose deletion was and that were.
	Lost int `json:"lost_objects"`
	// Created counts the acknowledged creations.
	Created int `json:"created_objects"`
	// Growth is what the process held more in the last rounds than in those from warm on,
	// the least of each: caches fill during the first rounds.
	Growth Growth `json:"growth"`
}

// Growth is a difference of what the cluster's process holds, garbage left out.
type Growth struct {
	Goroutines  int     `json:"goroutines"`
	Descriptors int     `json:"descriptors"`
	Heap        float64 `json:"heap_mib"`
}

// RestartOptions say what to restart, and how often.
type RestartOptions struct {
	// Self is the program, and Dir a new directory.
	Self, Dir string
	Rounds    int
	// Components are those to restart; all if there are none.
	Components []string
	// Told, when set, is called after each round.
	Told func(component string, round int, held control.Process)
}

// warm is the number of rounds after which nothing may grow any more.
const warm = 5

// ErrSick is returned when a component's state told something else than was done.
var ErrSick = errors.New("the component list tells something else")

// RunRestart starts a cluster in Dir, stops and starts its components under load, and
// ends it.
func RunRestart(ctx context.Context, o RestartOptions) ([]Restart, error) {
	r, err := startRestarts(ctx, o)
	if err != nil {
		return nil, err
	}
	results, err := r.all(ctx)
	return results, errors.Join(err, r.stop())
}

// restarts is a cluster whose components are restarted.
type restarts struct {
	options RestartOptions
	cmd     *exec.Cmd
	exited  chan struct{}
	control *control.Client
	client  kubernetes.Interface
}

func startRestarts(ctx context.Context, o RestartOptions) (*restarts, error) {
	layout := cluster.LayoutOf(o.Dir, name)
	r := &restarts{options: o, control: control.NewClient(layout.ControlSocket())}
	var err error
	if r.cmd, r.exited, err = startHeadless(o.Self, o.Dir); err != nil {
		return nil, err
	}
	if err := r.await(ctx, layout); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

func (r *restarts) stop() error { return end(r.cmd, r.exited) }

// await waits until all components and nodes are ready, and connects.
func (r *restarts) await(ctx context.Context, layout cluster.Layout) error {
	if err := r.awaitReady(ctx); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", layout.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	// By the name of the program itself, what is done would not be the user's.
	config.UserAgent = "bench"
	r.client, err = kubernetes.NewForConfig(config)
	return err
}

// awaitReady waits until all components and nodes are ready: after a restart what noticed that
// another one was gone has to notice that it is back.
func (r *restarts) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	sick := ErrSick
	for {
		info, err := r.control.Info(ctx)
		if err == nil && allReady(info.Components) {
			return nil
		}
		if at := slices.IndexFunc(info.Components, func(c component.Info) bool { return c.State != component.Ready }); at >= 0 {
			sick = fmt.Errorf("%w: %s is %s", ErrSick, info.Components[at].Name, info.Components[at].State)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.exited:
			return errors.New("the program ended while it started: run 'kubarium doctor'")
		case <-ctx.Done():
			return fmt.Errorf("wait for the cluster: %w: %w", ctx.Err(), sick)
		}
	}
}

func allReady(infos []component.Info) bool {
	return len(infos) > 0 && !slices.ContainsFunc(infos, func(i component.Info) bool { return i.State != component.Ready })
}

// all restarts one component after the other.
func (r *restarts) all(ctx context.Context) ([]Restart, error) {
	names, err := r.names(ctx)
	if err != nil {
		return nil, err
	}
	var results []Restart
	for _, component := range names {
		result, err := r.one(ctx, component)
		if err != nil {
			return results, fmt.Errorf("restart %s: %w", component, err)
		}
		results = append(results, result)
	}
	return results, nil
}

func (r *restarts) names(ctx context.Context) ([]string, error) {
	info, err := r.control.Info(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range info.Components {
		// Nodes, and what runs as a pod or on the nodes, are not in the process.
		if !strings.HasPrefix(c.Name, "node-") && !slices.Contains(inCluster, c.Name) {
			names = append(names, c.Name)
		}
	}
	if len(r.options.Components) == 0 {
		return names, nil
	}
	for _, wanted := range r.options.Components {
		if !slices.Contains(names, wanted) {
			return nil, fmt.Errorf("there is no component %q to restart; there are %s", wanted, strings.Join(names, ", "))
		}
	}
	return r.options.Components, nil
}

// inCluster are the components that are not in the program's process.
var inCluster = []string{"traefik", "network-policy"}

// one restarts a component under load.
func (r *restarts) one(ctx context.Context, component string) (Restart, error) {
	result := Restart{Component: component, Rounds: r.options.Rounds}
	l := newLoad(r.client)
	l.begin(ctx)
	var stops, starts, readies []float64
	var taken []control.Process
	for round := 1; round <= r.options.Rounds; round++ {
		stop, start, ready, err := r.round(ctx, component)
		if err != nil {
			l.end()
			return result, err
		}
		stops, starts, readies = append(stops, stop), append(starts, start), append(readies, ready)
		now, err := r.held(ctx, l)
		if err != nil {
			l.end()
			return result, err
		}
		taken = append(taken, now)
		if r.options.Told != nil {
			r.options.Told(component, round, now)
		}
	}
	l.end()
	lost, err := l.lost(ctx)
	result.Stop, result.Start, result.Ready, result.SlowestStart = median(stops), median(starts), median(readies), slices.Max(starts)
	result.Lost, result.Created = lost, l.acknowledged()
	result.Growth = growth(taken)
	return result, errors.Join(err, l.cleanUp(ctx))
}

// growth compares the last rounds with as many from warm on. What a round began may end
// after it was looked at, so the least of each counts.
func growth(rounds []control.Process) Growth {
	from := min(warm, len(rounds)) - 1
	n := min(4, max(1, (len(rounds)-from)/2))
	before, after := least(rounds[from:from+n]), least(rounds[len(rounds)-n:])
	return Growth{after.Goroutines - before.Goroutines, after.Descriptors - before.Descriptors, (float64(after.Heap) - float64(before.Heap)) / (1 << 20)}
}

func least(rounds []control.Process) control.Process {
	all := rounds[0]
	for _, r := range rounds {
		all = control.Process{
			Goroutines: min(all.Goroutines, r.Goroutines), Descriptors: min(all.Descriptors, r.Descriptors), Heap: min(all.Heap, r.Heap),
		}
	}
	return all
}

// round stops and starts the component once, and looks at its state on the way.
func (r *restarts) round(ctx context.Context, name string) (stop, start, ready float64, err error) {
	begin := time.Now()
	if err = r.control.Component(ctx, name, "stop"); err != nil {
		return
	}
	stop = time.Since(begin).Seconds()
	if err = r.expect(ctx, name, component.Stopped); err != nil {
		return
	}
	// The others notice that it is gone, and the load does.
	if err = pause(ctx, restTime); err != nil {
		return
	}
	begin = time.Now()
	serving := make(chan float64, 1)
	go func() {
		if name == apiServer {
			r.awaitAnswer(ctx)
		}
		serving <- time.Since(begin).Seconds()
	}()
	if err = r.control.Component(ctx, name, "start"); err != nil {
		return
	}
	ready = time.Since(begin).Seconds()
	start = <-serving
	if name != apiServer {
		start = ready
	}
	if err = r.expect(ctx, name, component.Ready); err != nil {
		return
	}
	if err = pause(ctx, restTime); err == nil {
		err = r.awaitReady(ctx)
	}
	return
}

const apiServer = "kube-apiserver"

func (r *restarts) expect(ctx context.Context, name string, state component.State) error {
	info, err := r.control.Info(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(info.Components, func(c component.Info) bool { return c.Name == name })
	if at < 0 {
		return fmt.Errorf("%w: nobody tells how %s is", ErrSick, name)
	}
	if is := info.Components[at].State; is != state {
		return fmt.Errorf("%w: %s is %s, not %s", ErrSick, name, is, state)
	}
	return nil
}

// awaitAnswer waits until the API server answers a question that only etcd can.
func (r *restarts) awaitAnswer(ctx context.Context) {
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, time.Second)
		_, err := r.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/default").MaxRetries(0).DoRaw(asking)
		cancel()
		if err == nil {
			return
		}
		_ = pause(ctx, 10*time.Millisecond)
	}
}

// held measures the process while the load rests: requests on their way are no growth.
func (r *restarts) held(ctx context.Context, l *load) (control.Process, error) {
	defer l.pause()()
	if err := pause(ctx, restTime); err != nil {
		return control.Process{}, err
	}
	return r.control.Process(ctx)
}

// restTime is how long what a round began may take to come to an end.
const restTime = time.Second

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
