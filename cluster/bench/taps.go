package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster"
	"kubarium/cluster/addons"
	"kubarium/cluster/control"
	"kubarium/cluster/machine"
)

// Taps is what it costs to see inside the components: taps on over taps off.
type Taps struct {
	// CPURatio compares the processor time of all processes of the cluster, P50Ratio the
	// median latency of the API server's answers, both at the same rate of requests.
	CPURatio float64 `json:"cpu_ratio"`
	P50Ratio float64 `json:"p50_ratio"`
	// The values themselves, over all clusters with taps and all without.
	CPUOn  float64 `json:"cpu_on_cores"`
	CPUOff float64 `json:"cpu_off_cores"`
	P50On  float64 `json:"p50_on_ms"`
	P50Off float64 `json:"p50_off_ms"`
	// Rate is how many requests a second were answered, at the least.
	Rate float64 `json:"requests_per_s"`
	// LateP50 and LateP99 are how much later than asked for this program was woken meanwhile: the median, and
	// what one of a hundred times exceeded. On a machine that is busy with other things the
	// ratios tell little.
	LateP50 float64 `json:"machine_late_p50_ms"`
	LateP99 float64 `json:"machine_late_p99_ms"`
}

const (
	// tapsRate is how many requests a second are made.
	tapsRate = 200
	// tapsWorkers bounds how many wait for their answer at a time.
	tapsWorkers = 16
	// tapsObjects are what the requests are about.
	tapsObjects = 20
	// tapsWarm is left out: caches fill and pods come up.
	tapsWarm = 5 * time.Second
)

// tapsPairs is how many pairs of clusters are measured: two clusters of one kind differ, too.
const tapsPairs = 4

// tapsSlice is how long one cluster of a pair is asked before it is the other's turn. A
// machine that shares its processors becomes slower and faster by a fifth within minutes.
const tapsSlice = 5 * time.Second

// RunTaps measures pairs of new clusters of one node. The two of a pair run side by side
// and are asked in turn, each for the given time in all, so that both meet the same machine.
// It tells of each pair as it is done.
func RunTaps(ctx context.Context, self, dir string, each time.Duration, told func(Taps)) (Taps, error) {
	watching, seen := context.WithCancel(ctx)
	defer seen()
	late := watchLateness(watching)
	var all [2]tapped
	rate := math.Inf(1)
	for i := range tapsPairs {
		pair, err := runPair(ctx, self, filepath.Join(dir, fmt.Sprint(i)), each)
		if err != nil {
			return Taps{}, err
		}
		for at := range all {
			all[at].add(pair[at])
			rate = min(rate, pair[at].rate())
		}
		told(compare(pair))
	}
	seen()
	times := <-late
	slices.Sort(times)
	result := compare(all)
	result.Rate, result.LateP50, result.LateP99 = rate, median(times), times[len(times)*99/100]
	return result, nil
}

// compare sets what was done with taps, the second, against what was done without.
func compare(pair [2]tapped) Taps {
	off, on := pair[0], pair[1]
	t := Taps{CPUOff: off.cores(), CPUOn: on.cores(), P50Off: median(off.latencies), P50On: median(on.latencies)}
	t.CPURatio, t.P50Ratio = t.CPUOn/t.CPUOff, t.P50On/t.P50Off
	return t
}

// latePause is how long this program asks to sleep, to see how much longer it does.
const latePause = 10 * time.Millisecond

// watchLateness sleeps until ctx ends, and then tells by how many milliseconds it was woken
// late each time.
func watchLateness(ctx context.Context) <-chan []float64 {
	told := make(chan []float64, 1)
	go func() {
		times := []float64{0}
		for ctx.Err() == nil {
			began := time.Now()
			_ = pause(ctx, latePause)
			times = append(times, float64((time.Since(began)-latePause).Microseconds())/1000)
		}
		told <- times
	}()
	return told
}

// tapped is what a cluster did while it was asked.
type tapped struct {
	cpu, took time.Duration
	latencies []float64 // milliseconds
}

func (t *tapped) add(other tapped) {
	t.cpu += other.cpu
	t.took += other.took
	t.latencies = append(t.latencies, other.latencies...)
}

func (t *tapped) cores() float64 { return t.cpu.Seconds() / t.took.Seconds() }

// rate is the number of requests a second.
func (t *tapped) rate() float64 { return float64(len(t.latencies)) / t.took.Seconds() }

// runPair measures a cluster without taps and one with them.
func runPair(ctx context.Context, self, dir string, each time.Duration) (pair [2]tapped, err error) {
	var clusters [2]*restarts
	for at, kind := range []string{"off", "on"} {
		if clusters[at], err = startTapped(ctx, self, filepath.Join(dir, kind), at == 1); err != nil {
			return pair, err
		}
		defer func() { err = errors.Join(err, clusters[at].stop()) }()
	}
	for _, c := range clusters {
		if _, err := steady(ctx, c.client, tapsWarm); err != nil {
			return pair, err
		}
	}
	// First one begins, then the other: what one leaves to be done falls to both.
	for turn := 0; pair[0].took < each || pair[1].took < each; turn++ {
		at := (turn + turn/2) % 2
		slice, err := measureTapped(ctx, clusters[at], min(tapsSlice, each))
		if err != nil {
			return pair, err
		}
		pair[at].add(slice)
	}
	return pair, nil
}

func startTapped(ctx context.Context, self, dir string, on bool) (*restarts, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	flags := []string{"--nodes", "1"}
	for _, name := range addons.Names() {
		flags = append(flags, "--disable", name)
	}
	if !on {
		flags = append(flags, "--no-trace")
	}
	layout := cluster.LayoutOf(dir, name)
	r := &restarts{control: control.NewClient(layout.ControlSocket())}
	var err error
	if r.cmd, r.exited, err = startHeadless(self, dir, flags...); err != nil {
		return nil, err
	}
	if err := r.await(ctx, layout); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

func measureTapped(ctx context.Context, r *restarts, each time.Duration) (tapped, error) {
	before, err := machine.MeasureUsage(r.cmd.Process.Pid)
	if err != nil {
		return tapped{}, fmt.Errorf("measure processes: %w", err)
	}
	began := time.Now()
	latencies, err := steady(ctx, r.client, each)
	if err != nil {
		return tapped{}, err
	}
	took := time.Since(began)
	after, err := machine.MeasureUsage(r.cmd.Process.Pid)
	if err != nil {
		return tapped{}, fmt.Errorf("measure processes: %w", err)
	}
	return tapped{cpu: after.CPU - before.CPU, took: took, latencies: latencies}, nil
}

// steady makes requests at a steady rate for some time, whatever their answers take, and
// returns their latencies in milliseconds.
func steady(ctx context.Context, client kubernetes.Interface, each time.Duration) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, each+limit)
	defer cancel()
	var mu sync.Mutex
	var latencies []float64
	var failed error
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range tapsWorkers {
		workers.Go(func() {
			for n := range numbers {
				began := time.Now()
				err := request(ctx, client, n)
				mu.Lock()
				latencies = append(latencies, float64(time.Since(began).Microseconds())/1000)
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	tick := time.NewTicker(time.Second / tapsRate)
	defer tick.Stop()
	for n := range int(each.Seconds() * tapsRate) {
		<-tick.C
		numbers <- n
	}
	close(numbers)
	workers.Wait()
	if failed != nil {
		return nil, fmt.Errorf("request: %w", failed)
	}
	return latencies, nil
}

// request is the next of a mix: mostly reads, as a cluster has.
func request(ctx context.Context, client kubernetes.Interface, n int) error {
	maps := client.CoreV1().ConfigMaps(namespace)
	object := fmt.Sprintf("bench-%d", n/10%tapsObjects)
	var err error
	switch n % 10 {
	case 0:
		_, err = maps.Apply(ctx, applycore.ConfigMap(object, namespace).WithData(map[string]string{"n": strconv.Itoa(n)}), metav1.ApplyOptions{FieldManager: "bench", Force: true})
	case 1, 2:
		_, err = maps.List(ctx, metav1.ListOptions{Limit: 50})
	case 3:
		_, err = maps.Patch(ctx, "kube-root-ca.crt", types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"bench":"%d"}}}`, n), metav1.PatchOptions{})
	case 4:
		_, err = client.CoreV1().Events(namespace).Create(ctx, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{GenerateName: "bench-"},
			InvolvedObject: corev1.ObjectReference{Kind: "ConfigMap", Name: object, Namespace: namespace}, Reason: "Bench", Type: corev1.EventTypeNormal,
		}, metav1.CreateOptions{})
	default:
		_, err = maps.Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
	}
	return err
}
