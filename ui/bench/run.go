package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Targets of the app under load.
const (
	TargetKeyToFrameMS = 16.0
	TargetCPU          = 0.4
	TargetExtraMiB     = 150.0
	TargetIdleFPS      = 0.0
)

// Options say what to measure.
type Options struct {
	// Command makes a process of this program.
	Command func(args ...string) *exec.Cmd
	// Measure tells what a process has used so far: processor time, and memory now.
	Measure func(pid int) (cpu time.Duration, bytes int64, err error)
	// Size is that of the terminal.
	Size Size
	// Dir is for files.
	Dir         string
	Pods, Nodes int
	// Rate is how many changes a second are made for Load; Idle is how long the app is
	// watched without any.
	Rate       int
	Load, Idle time.Duration
	// Settle is how long the app is left alone before it is measured; 0 is 10 seconds.
	Settle time.Duration
	// Drawn is how many frames are drawn without a terminal; 0 is 300.
	Drawn int
}

// Result is what was measured.
type Result struct {
	Size    Size `json:"size"`
	Pods    int  `json:"pods"`
	Nodes   int  `json:"nodes"`
	Rate    int  `json:"changes_per_second"`
	Changes int  `json:"changes"`
	Keys    int  `json:"keys"`

	KeyToFrameP50 float64 `json:"key_to_frame_p50_ms"`
	KeyToFrameP95 float64 `json:"key_to_frame_p95_ms"`
	KeyToFrameP99 float64 `json:"key_to_frame_p99_ms"`
	// Late is how much later than asked for a process that does nothing else was woken
	// meanwhile: on a machine that is busy with other things, all else is as late too.
	LateP50 float64 `json:"machine_late_p50_ms"`
	LateP99 float64 `json:"machine_late_p99_ms"`

	CPU      float64 `json:"cpu_cores"`
	EmptyMiB float64 `json:"empty_mib"`
	ExtraMiB float64 `json:"extra_mib"`
	// Dropped is how many pods the app has another last word of than the source.
	Dropped int `json:"dropped"`

	IdleFPS    float64 `json:"idle_fps"`
	IdleFrames float64 `json:"idle_frames_per_minute"`
	IdleCPU    float64 `json:"idle_cpu_cores"`
	Frames     []Frame `json:"frames"`
	Met        bool    `json:"met"`
}

// Run measures the app: empty, with many objects and idle, and under load.
func Run(ctx context.Context, o Options) (r Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	if o.Drawn == 0 {
		o.Drawn = defaultDrawn
	}
	r = Result{Size: o.Size, Pods: o.Pods, Nodes: o.Nodes, Rate: o.Rate}
	if r.Frames, err = Frames(ctx, o.Size, o.Drawn); err != nil {
		return r, err
	}
	if err = o.empty(ctx, &r); err != nil {
		return r, fmt.Errorf("measure the empty app: %w", err)
	}
	if err = o.full(ctx, &r); err != nil {
		return r, fmt.Errorf("measure the app with %d pods: %w", o.Pods, err)
	}
	r.Met = r.KeyToFrameP99 <= TargetKeyToFrameMS && r.CPU <= TargetCPU && r.ExtraMiB <= TargetExtraMiB &&
		r.Dropped == 0 && (o.Idle == 0 || r.IdleFPS <= TargetIdleFPS)
	return r, nil
}

// defaultSettle is longer than the app shows what it has said.
const defaultSettle = 10 * time.Second

func (o Options) empty(ctx context.Context, r *Result) error {
	return o.with(ctx, 0, 0, func(_ string, s *screen) error {
		if err := sleep(ctx, o.Settle); err != nil {
			return err
		}
		_, memory, err := o.Measure(s.cmd.Process.Pid)
		r.EmptyMiB = mib(memory)
		return err
	})
}

func (o Options) full(ctx context.Context, r *Result) error {
	return o.with(ctx, o.Nodes, o.Pods, func(url string, s *screen) error {
		if err := sleep(ctx, o.Settle); err != nil {
			return err
		}
		if err := o.idle(ctx, s, r); err != nil {
			return err
		}
		if err := o.load(ctx, url, s, r); err != nil {
			return err
		}
		if err := sleep(ctx, o.Settle); err != nil { // what is on its way arrives
			return err
		}
		want, err := versions(ctx, url)
		if err != nil {
			return err
		}
		if err := s.end(); err != nil {
			return err
		}
		got := map[string]string{}
		data, err := os.ReadFile(o.file())
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		if err != nil {
			return fmt.Errorf("read what the app has seen: %w", err)
		}
		r.Dropped = differences(want, got)
		return nil
	})
}

func (o Options) file() string { return filepath.Join(o.Dir, "seen.json") }

// with starts a source and an app on it, and ends both after f.
func (o Options) with(ctx context.Context, nodes, pods int, f func(url string, s *screen) error) (err error) {
	source := o.Command("bench", "ui-source", "--nodes", fmt.Sprint(nodes), "--pods", fmt.Sprint(pods))
	out, err := source.StdoutPipe()
	if err != nil {
		return fmt.Errorf("connect to the source: %w", err)
	}
	if err := source.Start(); err != nil {
		return fmt.Errorf("start the source: %w", err)
	}
	defer func() {
		_ = source.Process.Signal(syscall.SIGTERM)
		_ = source.Wait() // it was told to end
	}()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the source does not say where it is: %w", err)
	}
	url = strings.TrimSpace(url)
	s, err := open(o.Command("bench", "ui-app", "--source", url, "--file", o.file()), o.Size)
	if err != nil {
		return err
	}
	defer func() {
		if s.cmd.ProcessState == nil {
			err = errors.Join(err, s.end())
		}
	}()
	wait, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := s.await(wait, fmt.Sprintf("%d pods", pods)); err != nil {
		return err
	}
	return f(url, s)
}

// idle watches the app while nothing happens.
func (o Options) idle(ctx context.Context, s *screen, r *Result) error {
	if o.Idle == 0 {
		return nil
	}
	pid := s.cmd.Process.Pid
	cpu, _, err := o.Measure(pid)
	if err != nil {
		return err
	}
	frames, begin := s.count(), time.Now()
	if err := sleep(ctx, o.Idle); err != nil {
		return err
	}
	passed := time.Since(begin).Seconds()
	after, _, err := o.Measure(pid)
	r.IdleFPS = float64(s.count()-frames) / passed
	r.IdleFrames, r.IdleCPU = r.IdleFPS*60, (after-cpu).Seconds()/passed
	return err
}

// load has the source change objects, and presses keys meanwhile.
func (o Options) load(ctx context.Context, url string, s *screen, r *Result) error {
	if _, err := s.file.WriteString("3"); err != nil { // the list of pods
		return fmt.Errorf("press a key: %w", err)
	}
	if err := sleep(ctx, time.Second); err != nil {
		return err
	}
	pid := s.cmd.Process.Pid
	before, _, err := o.Measure(pid)
	if err != nil {
		return err
	}
	begin := time.Now()
	changes := make(chan error, 1)
	go func() {
		var err error
		r.Changes, err = change(ctx, url, o.Rate, o.Load)
		changes <- err
	}()
	took, late, most, err := o.keys(ctx, s, begin.Add(o.Load))
	if err = errors.Join(err, <-changes); err != nil {
		return err
	}
	after, _, err := o.Measure(pid)
	if err != nil {
		return err
	}
	r.CPU = (after - before).Seconds() / time.Since(begin).Seconds()
	r.ExtraMiB = mib(most) - r.EmptyMiB
	slices.Sort(took)
	slices.Sort(late)
	r.LateP50, r.LateP99 = ms(quantile(late, 50)), ms(quantile(late, 99))
	r.Keys = len(took)
	r.KeyToFrameP50, r.KeyToFrameP95, r.KeyToFrameP99 = ms(quantile(took, 50)), ms(quantile(took, 95)), ms(quantile(took, 99))
	return nil
}

// keys presses keys until then, at odd times, and tells how long each took, how late the
// machine was, and how much memory the app had at most.
func (o Options) keys(ctx context.Context, s *screen, until time.Time) (took, late []time.Duration, most int64, err error) {
	random := rand.New(rand.NewPCG(3, 5))
	measured := time.Time{}
	for n := 0; time.Now().Before(until); n++ {
		if time.Since(measured) > time.Second {
			_, memory, err := o.Measure(s.cmd.Process.Pid)
			if err != nil {
				return nil, nil, 0, err
			}
			most, measured = max(most, memory), time.Now()
		}
		key := "j"
		if way := min(40, o.Pods-1); n/way%2 == 1 { // down, further than is in view, and up again
			key = "k"
		}
		d, err := s.press(ctx, key)
		if err != nil {
			return nil, nil, 0, err
		}
		took = append(took, d)
		pause := time.Duration(20+random.IntN(40)) * time.Millisecond
		begin := time.Now()
		if err := sleep(ctx, pause); err != nil {
			return nil, nil, 0, err
		}
		late = append(late, time.Since(begin)-pause)
	}
	return took, late, most, nil
}

func change(ctx context.Context, url string, rate int, lasts time.Duration) (made int, err error) {
	return made, call(ctx, http.MethodPost, fmt.Sprintf("%s/bench/change?rate=%d&for=%s", url, rate, lasts), &made)
}

func versions(ctx context.Context, url string) (v map[string]string, err error) {
	return v, call(ctx, http.MethodGet, url+"/bench/versions", &v)
}

func call(ctx context.Context, method, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the source: %w", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read the source's answer: %w", err)
	}
	return nil
}

// differences counts what one has and the other has not, or has otherwise.
func differences(a, b map[string]string) int {
	n := 0
	for k, v := range a {
		if b[k] != v {
			n++
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			n++
		}
	}
	return n
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
