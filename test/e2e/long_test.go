package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"
)

// long skips a test that is for 'make test-long' only: that sets LONG.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("LONG") == "" {
		t.SkipNow()
	}
}

// restart is what 'bench restart' tells of a component.
type restart struct {
	Component string   `json:"component"`
	Stop      *float64 `json:"stop_s"`
	Start     *float64 `json:"start_s"`
	Lost      *int     `json:"lost_objects"`
	Created   int      `json:"created_objects"`
	Growth    struct {
		Goroutines  int     `json:"goroutines"`
		Descriptors int     `json:"descriptors"`
		Heap        float64 `json:"heap_mib"`
	} `json:"growth"`
}

// TestBenchRestart proves that 'bench restart' measures a component, and leaves nothing.
func TestBenchRestart(t *testing.T) {
	found := benchRestart(t, "--rounds", "1", "--component", "kube-scheduler")
	if len(found) != 1 || found[0].Component != "kube-scheduler" {
		t.Errorf("bench restart tells %+v", found)
	}
}

// TestLongRestarts stops and starts each component twenty times under load.
func TestLongRestarts(t *testing.T) {
	long(t)
	found := benchRestart(t, "--rounds", "20")
	if len(found) < 7 {
		t.Errorf("%d components were restarted, want etcd, API server, controllers, scheduler, cloud, storage and metrics", len(found))
	}
	for _, r := range found {
		// Twelve rounds lie between those that are compared.
		if r.Growth.Goroutines > 150 || r.Growth.Descriptors > 10 || r.Growth.Heap > 25 {
			t.Errorf("from the fifth round of %s on the process grew: %+v", r.Component, r.Growth)
		}
	}
}

// benchRestart runs the measurement, and fails the test if an object was lost.
func benchRestart(t *testing.T, flags ...string) []restart {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(), append([]string{"bench", "restart", "--output", "json"}, flags...)...)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bench restart: %v\n%s", err, told.String())
	}
	t.Logf("%s%s", told.String(), out)
	var results []restart
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("bench restart tells %q: %v", out, err)
	}
	for _, r := range results {
		if r.Stop == nil || r.Start == nil || r.Lost == nil || r.Created == 0 {
			t.Errorf("bench restart leaves out what it is for: %+v", r)
		} else if *r.Lost != 0 {
			t.Errorf("restarts of %s lost %d of %d objects", r.Component, *r.Lost, r.Created)
		}
	}
	return results
}
