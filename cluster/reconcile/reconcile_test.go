package reconcile

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestRetries lets the function fail, and looks at when it is called again.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, fails := time.Now(), 7
		var called []time.Duration
		l := NewLoop(func(context.Context) bool {
			called = append(called, time.Since(begin))
			return len(called) > fails
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go l.Run(ctx)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(called) != fails+1 {
			t.Fatalf("called %d times: %v", len(called), called)
		}
		want := []time.Duration{0, 1, 3, 7, 15, 31, 61, 91}
		for i := range want {
			if called[i] != want[i]*time.Second {
				t.Errorf("call %d after %v, want %v s", i, called[i], int(want[i]))
			}
		}

		// After a success the first retry is soon again.
		fails = len(called) + 1
		begin = time.Now()
		l.Kick()
		time.Sleep(time.Minute)
		synctest.Wait()
		if last := called[len(called)-1]; last != time.Second {
			t.Errorf("the retry came after %v", last)
		}
	})
}

// TestKicks kicks while the function runs: it is called once more, not once a kick.
func TestKicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		l := NewLoop(func(context.Context) bool {
			calls++
			time.Sleep(time.Second)
			return true
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go l.Run(ctx)
		synctest.Wait()
		for range 5 {
			l.Kick()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if calls != 2 {
			t.Errorf("called %d times", calls)
		}
	})
}

// TestHalfFilled never fills a cache: the function must not see it.
func TestHalfFilled(t *testing.T) {
	l := NewLoop(func(context.Context) bool {
		t.Error("called")
		return true
	})
	l.Await(func() bool { return false })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	l.Run(ctx)
}
