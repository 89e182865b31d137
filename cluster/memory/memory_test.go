package memory

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// percent is what is allowed now.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestGovernor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := percent()
		g := Governor{Rest: time.Second}
		want := func(when string, p int) {
			t.Helper()
			synctest.Wait()
			if got := percent(); got != p {
				t.Errorf("%s: %d, want %d", when, got, p)
			}
		}
		first, second := g.Starting(), g.Starting()
		first()
		first() // ends one start, and no other
		time.Sleep(2 * time.Second)
		want("one of two has started", startPercent)
		second()
		time.Sleep(2 * time.Second)
		want("both have started", idlePercent)
		third := g.Starting()
		want("a third one starts", startPercent)
		third()
		fourth := g.Starting()
		time.Sleep(2 * time.Second)
		want("a fourth one starts before rest came", startPercent)
		fourth()
		g.Close()
		time.Sleep(2 * time.Second)
		want("closed", before)
	})
}
