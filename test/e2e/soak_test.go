package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"kubarium/cluster/fault"
)

// soakTail is how many of a soak's last lines are told once more if it fails.
const soakTail = 25

// soak is what 'bench soak' tells.
type soak struct {
	Seed    uint64         `json:"seed"`
	Members int            `json:"etcd_members"`
	Rounds  int            `json:"rounds"`
	Faults  map[string]int `json:"faults"`
	Holds   int            `json:"holds"`
	Rewinds int            `json:"rewinds"`
	Undos   int            `json:"undos"`
	Created int            `json:"created_objects"`
	Lost    *int           `json:"lost_objects"`
	Panics  []string       `json:"panics"`
	Growth  *struct {
		Goroutines  int     `json:"goroutines"`
		Descriptors int     `json:"descriptors"`
		Heap        float64 `json:"heap_mib"`
	} `json:"growth"`
	PSS *float64 `json:"pss_mib"`
}

// TestSoak breaks, holds and rewinds a cluster at random for a minute, or as many as
// SOAK_MINUTES says.
func TestSoak(t *testing.T) {
	t.Parallel()
	minutes := 1
	if wanted := os.Getenv("SOAK_MINUTES"); wanted != "" {
		var err error
		if minutes, err = strconv.Atoi(wanted); err != nil {
			t.Fatalf("SOAK_MINUTES: %v", err)
		}
	}
	runSoak(t, minutes)
}

// TestLongSoak does so for long enough that each fault has its turn, in a cluster that refuses
// none: odd seeds have one.
func TestLongSoak(t *testing.T) {
	long(t)
	s := runSoak(t, 20, "--seed", strconv.FormatUint(rand.Uint64()|1, 10))
	if s.Members != 3 {
		t.Errorf("etcd has %d members", s.Members)
	}
	for _, f := range fault.Catalogue() {
		if s.Faults[f.Name] == 0 {
			t.Errorf("%s was never injected: %v", f.Name, s.Faults)
		}
	}
}

// runSoak fails if the soak does, which looks at what grows itself from ten minutes on.
func runSoak(t *testing.T, minutes int, flags ...string) soak {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(minutes)*time.Minute+15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(), append([]string{"bench", "soak", "--minutes", strconv.Itoa(minutes), "--output", "json"}, flags...)...)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Logf("%s%s", out, told.String())
		// Logs are cut where they are long, and this is what counts.
		lines := strings.Split(strings.TrimSpace(told.String()), "\n")
		t.Fatalf("bench soak: %v, after\n%s", err, strings.Join(lines[max(0, len(lines)-soakTail):], "\n"))
	}
	var s soak
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("bench soak tells %q: %v", out, err)
	}
	// No more than that: a log of many minutes would hide what failed beside it.
	t.Logf("seed %d, %d members of etcd, %d rounds: %d holds, %d rewinds, %d of them of one change, %d objects, growth %+v", s.Seed, s.Members, s.Rounds, s.Holds, s.Rewinds, s.Undos, s.Created, s.Growth)
	if s.Rounds < 2 || len(s.Faults) == 0 || s.Holds == 0 || s.Rewinds == 0 || s.Created == 0 || s.Lost == nil || s.Growth == nil || s.PSS == nil {
		t.Errorf("bench soak leaves out what it is for: %+v", s)
	}
	// In a minute all of them may meet something that is broken.
	if minutes >= 10 && s.Undos == 0 {
		t.Errorf("no change was taken back: %+v", s)
	}
	return s
}
