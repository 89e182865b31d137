package layout

import (
	"fmt"
	"strings"
	"testing"
)

// all are the rectangles that may not overlap.
func all() []Name {
	return []Name{Status, Components, Tanks, Pods, Services, Events, Panel, Output, Keys}
}

// TestEveryCellBelongsToOneRectangle goes through all sizes and options: the
// rectangles cover the screen, and only panes that share one overlap.
func TestEveryCellBelongsToOneRectangle(t *testing.T) {
	for _, o := range []Options{
		{},
		{Panel: true},
		{Output: true},
		{Panel: true, Output: true},
		{Nodes: 3, PodsPerNode: 10},
		{Nodes: 40, PodsPerNode: 100, Output: true},
	} {
		for w := MinWidth; w <= 230; w += 3 {
			for h := MinHeight; h <= 80; h++ {
				check(t, Compute(w, h, o), o)
				if t.Failed() {
					return
				}
			}
		}
	}
}

func check(t *testing.T, l Layout, o Options) {
	t.Helper()
	owner := make([]Name, l.W*l.H)
	for _, n := range all() {
		r := l.Rect(n)
		if r.Empty() {
			continue
		}
		if r.X < 0 || r.Y < 0 || r.Right() > l.W || r.Bottom() > l.H {
			t.Errorf("%dx%d %+v: %s %v leaves the screen", l.W, l.H, o, n, r)
			return
		}
		for y := r.Y; y < r.Bottom(); y++ {
			for x := r.X; x < r.Right(); x++ {
				at := &owner[y*l.W+x]
				if *at != "" && !(l.Tabbed(*at) && l.Tabbed(n)) {
					t.Errorf("%dx%d %+v: %s and %s share %d,%d", l.W, l.H, o, *at, n, x, y)
					return
				}
				*at = n
			}
		}
	}
	for i, n := range owner {
		if n == "" {
			t.Errorf("%dx%d %+v: nobody has %d,%d", l.W, l.H, o, i%l.W, i/l.W)
			return
		}
	}
	for _, n := range []Name{Pods, Services, Events} {
		if r := l.Rect(n); !l.PanelOver && r.H < minListRows {
			t.Errorf("%dx%d %+v: %s has %d lines", l.W, l.H, o, n, r.H)
		}
	}
}

func TestTooSmall(t *testing.T) {
	for _, size := range [][2]int{{79, 24}, {80, 23}, {0, 0}, {1, 100}} {
		if l := Compute(size[0], size[1], Options{}); !l.TooSmall {
			t.Errorf("%v is not too small", size)
		}
	}
}

// TestShapes draws each layout at a tenth of its size.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name string
		w, h int
		o    Options
		want string
	}{
		{"short", 80, 24, Options{}, `
ssssssss
cccccccc
nnnnnnnn
nnnnnnnn
nnnnnnnn
nnnnnnnn
kkkkkkkk`},
		{"wide", 120, 40, Options{Nodes: 3, PodsPerNode: 4}, `
ssssssssssss
cccccccccccc
nnnnnnnnnnnn
nnnnnnnnnnnn
ppppppppSSSS
ppppppppSSSS
ppppppppSSSS
eeeeeeeeeeee
eeeeeeeeeeee
kkkkkkkkkkkk`},
		{"with a panel", 120, 40, Options{Panel: true, Nodes: 3, PodsPerNode: 4}, `
ssssssssssss
ccccccccPPPP
nnnnnnnnPPPP
nnnnnnnnPPPP
ppppppppPPPP
ppppppppPPPP
ppppppppPPPP
ppppppppPPPP
ppppppppPPPP
kkkkkkkkkkkk`},
		{"panel over", 80, 24, Options{Panel: true, Output: true}, `
ssssssss
PPPPPPPP
PPPPPPPP
PPPPPPPP
oooooooo
oooooooo
kkkkkkkk`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := sketch(Compute(c.w, c.h, c.o)), strings.TrimPrefix(c.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// sketch has a letter for every ten columns and every five lines.
func sketch(l Layout) string {
	letters := map[Name]string{
		Status: "s", Components: "c", Tanks: "n", Pods: "p", Services: "S",
		Events: "e", Panel: "P", Output: "o", Keys: "k",
	}
	rows := []int{0, 1}
	for y := 6; y < l.H-2; y += 5 {
		rows = append(rows, y)
	}
	rows = append(rows, l.H-1)
	var lines []string
	for _, y := range rows {
		line := ""
		for x := 5; x < l.W; x += 10 {
			line += letters[l.Hit(x, y)]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func ExampleRect_Contains() {
	r := Rect{X: 2, Y: 1, W: 3, H: 1}
	fmt.Println(r.Contains(4, 1), r.Contains(5, 1))
	// Output: true false
}
