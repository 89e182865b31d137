package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
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
)

// Taps is what it costs to see inside the components: taps on over taps off.
type Taps struct {
	// CPURatio compares the processor time of all processes of the cluster, P50Ratio the
	// median latency of the API server's answers, both at the same rate of requests.
	CPURatio float64 `json:"cpu_ratio"`
	P50Ratio float64 `json:"p50_ratio"`
	// The values themselves, each from as many runs with as without taps.
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

// tapsOrder is with and without in turn, so that a machine that gets slower or faster
// counts for both. Two clusters of one kind differ by more than the taps take: it needs
// several of each.
var tapsOrder = []bool{true, false, false, true, true, false, false, true}

// RunTaps measures new clusters of one node, each for the given time.
func RunTaps(ctx context.Context, self, dir string, each time.Duration, told func(on bool, cpu, p50 float64)) (Taps, error) {
	var cpu, p50 [2][]float64
	result := Taps{Rate: math.Inf(1)}
	watching, seen := context.WithCancel(ctx)
	defer seen()
	late := watchLateness(watching)
	for i, on := range tapsOrder {
		run, err := runTapped(ctx, self, filepath.Join(dir, fmt.Sprint(i)), on, each)
		if err != nil {
			return Taps{}, err
		}
		at := 0
		if on {
			at = 1
		}
		cpu[at], p50[at] = append(cpu[at], run.cpu), append(p50[at], run.p50)
		result.Rate = min(result.Rate, run.rate)
		told(on, run.cpu, run.p50)
	}
	seen()
	times := <-late
	slices.Sort(times)
	result.LateP50, result.LateP99 = median(times), times[len(times)*99/100]
	result.CPUOff, result.CPUOn = median(cpu[0]), median(cpu[1])
	result.P50Off, result.P50On = median(p50[0]), median(p50[1])
	result.CPURatio, result.P50Ratio = result.CPUOn/result.CPUOff, result.P50On/result.P50Off
	return result, nil
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

// tapped is one run: cores, milliseconds and requests a second.
type tapped struct{ cpu, p50, rate float64 }

func runTapped(ctx context.Context, self, dir string, on bool, each time.Duration) (result tapped, err error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return result, fmt.Errorf("make directory: %w", err)
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
	if r.cmd, r.exited, err = startHeadless(self, dir, flags...); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	if err := r.await(ctx, layout); err != nil {
		return result, err
	}
	return measureTapped(ctx, r.client, r.cmd, each)
}

func measureTapped(ctx context.Context, client kubernetes.Interface, cmd *exec.Cmd, each time.Duration) (tapped, error) {
	if _, err := steady(ctx, client, tapsWarm); err != nil {
		return tapped{}, err
	}
	before, err := cluster.MeasureUsage(cmd.Process.Pid)
	if err != nil {
		return tapped{}, fmt.Errorf("measure processes: %w", err)
	}
	began := time.Now()
	latencies, err := steady(ctx, client, each)
	if err != nil {
		return tapped{}, err
	}
	took := time.Since(began).Seconds()
	after, err := cluster.MeasureUsage(cmd.Process.Pid)
	if err != nil {
		return tapped{}, fmt.Errorf("measure processes: %w", err)
	}
	return tapped{cpu: (after.CPU - before.CPU).Seconds() / took, p50: median(latencies), rate: float64(len(latencies)) / took}, nil
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
