package play

import (
	"io"
	"strings"
	"testing"
	"time"

	"kubarium/lessons"
)

// TestLimitedLosesNothing proves that what a program printed is kept, though another stream of it ends later
// and empty, and that no more is kept than there is room for.
func TestLimitedLosesNothing(t *testing.T) {
	var out limited
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(&out, reader)
		ended <- err
	}()
	// The other stream is being read when this one comes.
	if _, err := writer.Write(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&out, strings.NewReader("Hello")); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if err := <-ended; err != nil || out.String() != "Hello" {
		t.Errorf("%q is kept: %v", out.String(), err)
	}
	if _, err := io.Copy(&out, strings.NewReader(strings.Repeat("x", 2*probeBytes))); err != nil || len(out.String()) != probeBytes {
		t.Errorf("%d bytes are kept: %v", len(out.String()), err)
	}
}

const probedText = `---
id: probed
title: Probed
minutes: 5
probes:
  - {name: web, pod: web, run: ["true"]}
let:
  up: probe("web").ok
---

## Look

` + "```yaml step" + `
id: look
checks:
  - name: up for a while
    expr: up
    for: 3s
    saw: [{say: Not yet.}]
hints: [{say: One.}]
solve: ["kubectl run web --image=x"]
` + "```" + `
`

// TestSilenceProvesNothing proves that what a probe found once does not count for as long as its next answer takes: one
// that waits for an answer in vain is silent for longer than the check's For.
func TestSilenceProvesNothing(t *testing.T) {
	s := sessionOf(t, probedText)
	s.come()
	s.player.Next()
	s.until(func(s Snapshot) bool { return s.Step == 0 })
	answer := func(ok bool) {
		s.player.do(func() {
			s.player.store.probes["web"] = lessons.Answer{OK: ok, Asked: 1, At: s.clock.Now()}
		})
	}
	holding := func(now Snapshot) bool { return now.Checks[0].Holding }
	answer(true)
	s.until(holding)
	s.clock.Step(4 * time.Second)
	if now := s.until(holding); now.Checks[0].Met || now.StepDone {
		t.Error("one answer, and silence, is taken for three seconds")
	}
	answer(false)
	s.until(func(now Snapshot) bool { return !now.Checks[0].Holding })
	answer(true)
	s.until(holding)
	s.clock.Step(4 * time.Second)
	answer(true)
	s.until(func(now Snapshot) bool { return now.StepDone })
}
