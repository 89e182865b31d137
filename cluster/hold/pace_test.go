package hold

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// paced has so many requests come at once, which may wait for the limit and come again when
// they are sent away, and returns how long it took until the last had passed.
func paced(t *testing.T, rate float64, requests int, limit, within time.Duration) time.Duration {
	t.Helper()
	m := NewManager()
	mustHold(t, m, Rule{Name: "bindings", Rate: rate})
	began := time.Now()
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			for time.Since(began) < within {
				err := m.Wait(t.Context(), binding("a"), limit)
				if err == nil {
					return
				}
				if !errors.Is(err, ErrComeAgain) {
					t.Error(err)
				}
				time.Sleep(time.Second)
			}
			t.Errorf("a request has not passed after %s", within)
		})
	}
	all.Wait()
	return time.Since(began)
}

func TestARateLetsAllThroughThatCameAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := paced(t, 0.1, 200, time.Minute, time.Hour); took < 2*time.Minute || took > 10*time.Minute {
			t.Errorf("200 requests at a tenth of the speed took %s", took)
		}
	})
}

func TestTheLeastRateLetsEachThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := paced(t, leastRate, 1, time.Minute, time.Hour); took != mostPause {
			t.Errorf("the request waited for %s, want %s", took, mostPause)
		}
	})
}

// TestARateLetsTheImpatientThrough has requests come that wait for less than a turn takes.
func TestARateLetsTheImpatientThrough(t *testing.T) {
	for _, limit := range []time.Duration{time.Second / 2, time.Second, 4 * time.Second, 7 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			if took := paced(t, 0.1, 1, limit, time.Hour); took > 9*mostGap+2*time.Second {
				t.Errorf("with a limit of %s it passed after %s", limit, took)
			}
		})
	}
}

func TestARateStretchesTheTimeBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewManager()
		mustHold(t, m, Rule{Name: "bindings", Rate: 0.1})
		began := time.Now()
		first := send(t.Context(), m, binding("a"), long)
		time.Sleep(time.Second / 2)
		second := send(t.Context(), m, binding("b"), long)
		if err := <-first; err != nil || time.Since(began) != 9*mostGap {
			t.Errorf("after a pause: %s, %v", time.Since(began), err)
		}
		// It came half a second later: it waits for its turn, and nine times as long as it took.
		if err := <-second; err != nil || time.Since(began) != 9*mostGap+9*time.Second/2 {
			t.Errorf("half a second later: %s, %v", time.Since(began), err)
		}
	})
}
