package bench

import (
	"context"
	"os/exec"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/ui"
	"kubarium/ui/watch"
)

// Frame is how long it takes to take over a key and to draw the frame that shows it,
// without a terminal.
type Frame struct {
	Pods  int     `json:"pods"`
	Nodes int     `json:"nodes"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	// Ratio is the median as a multiple of that with the fewest pods.
	Ratio float64 `json:"ratio"`
}

const defaultDrawn = 300

// Frames measures so many frames each of clusters of growing size.
func Frames(ctx context.Context, size Size, drawn int) ([]Frame, error) {
	var list []Frame
	for _, of := range []struct{ nodes, pods int }{{3, 30}, {50, 500}, {500, 5000}} {
		f, err := frame(ctx, size, of.nodes, of.pods, drawn)
		if err != nil {
			return nil, err
		}
		if f.Ratio = 1; len(list) > 0 {
			f.Ratio = f.P50 / list[0].P50
		}
		list = append(list, f)
	}
	return list, nil
}

func frame(ctx context.Context, size Size, nodes, pods, drawn int) (Frame, error) {
	app := ui.New(ui.Options{Cluster: remote{}, Theme: "dark", NoMotion: true, Kubectl: func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "false")
	}})
	var objects []runtime.Object
	for i := range nodes {
		objects = append(objects, makeNode(i))
	}
	var all []*corev1.Pod
	for i := range pods {
		p := makePod(i, 0, nodes)
		setState(p, i%states)
		all = append(all, p)
		objects = append(objects, p)
	}
	app.Update(tea.WindowSizeMsg{Width: size.Width, Height: size.Height})
	app.Update(tea.KeyPressMsg{Code: tea.KeyEnter}) // leave the boot screen
	app.Update(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
	// In the list of pods, in the tanks, and on the map.
	keys := []tea.Key{
		{Code: '3', Text: "3"},
		{Code: tea.KeyDown},
		{Code: tea.KeyDown},
		{Code: tea.KeyUp},
		{Code: '2', Text: "2"},
		{Code: tea.KeyRight},
		{Code: tea.KeyDown},
		{Code: 'm', Text: "m"},
		{Code: tea.KeyRight},
		{Code: 'm', Text: "m"},
	}
	var took []time.Duration
	for i := range drawn {
		if ctx.Err() != nil {
			return Frame{}, ctx.Err()
		}
		begin := time.Now()
		app.Update(tea.KeyPressMsg(keys[i%len(keys)]))
		app.View()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return Frame{Pods: len(all), Nodes: nodes, P50: ms(quantile(took, 50)), P95: ms(quantile(took, 95))}, nil
}

// quantile is the value below which q of a hundred lie; the list is sorted.
func quantile(sorted []time.Duration, q int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*q/100)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
