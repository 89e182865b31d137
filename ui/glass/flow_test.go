package glass

import (
	"testing"
	"time"

	"kubarium/cluster/trace"
)

func at(seq uint64, ms int) trace.Event {
	return trace.Event{Seq: seq, Time: time.UnixMilli(int64(ms))}
}

func all(trace.Event) bool { return true }

func order(f *flow) (seqs []uint64) {
	for _, e := range f.shown {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

func TestWhatIsToldLateStandsWhereItHappened(t *testing.T) {
	var f flow
	f.add([]trace.Event{at(1, 10), at(2, 30), at(3, 50)}, 3)
	f.add([]trace.Event{at(4, 20), at(5, 30)}, 2)
	f.arrange(all)
	want := []uint64{1, 4, 2, 5, 3}
	for i, seq := range order(&f) {
		if seq != want[i] {
			t.Fatalf("events are in the order %d, not %d", order(&f), want)
		}
	}
}

func TestTheCursorStaysOnItsEvent(t *testing.T) {
	var f flow
	f.add([]trace.Event{at(1, 10), at(2, 30), at(3, 30), at(4, 50)}, 4)
	f.arrange(all)
	f.move(-2) // to the second
	f.add([]trace.Event{at(5, 20), at(6, 60)}, 2)
	f.arrange(all)
	if e, _ := f.selected(); e.Seq != 2 {
		t.Errorf("the cursor has moved to event %d", e.Seq)
	}
	// What is filtered out gives its place to what came next.
	f.arrange(func(e trace.Event) bool { return e.Seq != 2 && e.Seq != 3 })
	if e, _ := f.selected(); e.Seq != 4 {
		t.Errorf("the cursor is on event %d, not the next one", e.Seq)
	}
	f.arrange(all)
	f.move(keep) // follow the newest again
	f.add([]trace.Event{at(7, 70)}, 1)
	f.arrange(all)
	if e, _ := f.selected(); e.Seq != 7 {
		t.Errorf("the cursor is on event %d, not the newest", e.Seq)
	}
}
