package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the processes that a measurement starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "bench" {
		ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := child(ctx, os.Args[2:])
		cancel()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(ctx context.Context, args []string) error {
	if args[0] == "ui-app" {
		return Show(ctx, args[2], args[4])
	}
	var nodes, pods int
	if _, err := fmt.Sscan(args[2]+" "+args[4], &nodes, &pods); err != nil {
		return err
	}
	return Serve(ctx, nodes, pods, func(url string) { fmt.Println(url) })
}

func TestARunOfTheAppOnASource(t *testing.T) {
	measured := 0
	r, err := Run(t.Context(), Options{
		Command: func(args ...string) *exec.Cmd { return exec.CommandContext(t.Context(), os.Args[0], args...) },
		Measure: func(int) (time.Duration, int64, error) { measured++; return time.Duration(measured), 1 << 20, nil },
		Size:    Usual(), Dir: t.TempDir(), Pods: 60, Nodes: 6, Rate: 100, Load: 2 * time.Second, Idle: time.Second, Settle: time.Second, Drawn: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Changes < 190 || r.Dropped != 0 {
		t.Errorf("of %d changes %d were lost", r.Changes, r.Dropped)
	}
	if r.Keys == 0 || r.KeyToFrameP50 <= 0 || r.KeyToFrameP99 < r.KeyToFrameP50 {
		t.Errorf("%d keys took %v ms, the slowest %v ms", r.Keys, r.KeyToFrameP50, r.KeyToFrameP99)
	}
	if r.IdleFPS != 0 {
		t.Errorf("an idle app draws %v frames a second", r.IdleFPS)
	}
	if len(r.Frames) != 3 || r.Frames[0].P50 <= 0 || r.CPU <= 0 || measured == 0 {
		t.Errorf("not all was measured: %+v", r)
	}
}

func TestLossesAreCounted(t *testing.T) {
	want := map[string]string{"a": "1", "b": "2", "c": "3"}
	if n := differences(want, map[string]string{"a": "1", "b": "1", "d": "4"}); n != 3 {
		t.Errorf("one old, one missing and one too many are %d losses", n)
	}
}

func TestSizesAreRead(t *testing.T) {
	s := Usual()
	if err := s.Set("200x60"); err != nil || s != (Size{200, 60}) || s.String() != "200x60" {
		t.Errorf("200x60 is %s: %v", s, err)
	}
	for _, text := range []string{"", "200", "x60", "200x60x1", "79x24", "80x23", "1001x60", "-80x24", "a x b"} {
		if err := s.Set(text); err == nil || s != (Size{200, 60}) {
			t.Errorf("%q is taken for %s", text, s)
		}
	}
}
