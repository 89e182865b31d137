package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// soak is what 'bench soak' tells.
type soak struct {
	Seed    uint64         `json:"seed"`
	Rounds  int            `json:"rounds"`
	Faults  map[string]int `json:"faults"`
	Holds   int            `json:"holds"`
	Rewinds int            `json:"rewinds"`
	Created int            `json:"created_objects"`
	Lost    *int           `json:"lost_objects"`
	Panics  []string       `json:"panics"`
	Growth  *struct {
		Goroutines  int     `json:"goroutines"`
		Descriptors int     `json:"descriptors"`
		Heap        float64 `json:"heap_mib"`
	} `json:"growth"`
	Processes int `json:"processes"`
}

// TestSoak breaks, holds and rewinds a cluster at random for a minute.
func TestSoak(t *testing.T) { runSoak(t, 1) }

// TestLongSoak does so for long enough that a leak shows.
func TestLongSoak(t *testing.T) {
	long(t)
	s := runSoak(t, 20)
	if s.Growth.Goroutines > 150 || s.Growth.Descriptors > 40 || s.Growth.Heap > 60 || s.Processes > 3 {
		t.Errorf("the program grew: %+v, and %d processes", *s.Growth, s.Processes)
	}
}

func runSoak(t *testing.T, minutes int) soak {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(minutes)*time.Minute+15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(), "bench", "soak", "--minutes", strconv.Itoa(minutes), "--output", "json")
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	t.Logf("%s%s", told.String(), out)
	if err != nil {
		t.Fatalf("bench soak: %v", err)
	}
	var s soak
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("bench soak tells %q: %v", out, err)
	}
	if s.Rounds < 2 || len(s.Faults) == 0 || s.Holds == 0 || s.Rewinds == 0 || s.Created == 0 || s.Lost == nil || s.Growth == nil {
		t.Errorf("bench soak leaves out what it is for: %+v", s)
	}
	return s
}
