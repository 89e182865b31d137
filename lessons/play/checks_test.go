package play

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"kubarium/lessons"
)

const modesText = `---
id: modes
title: Modes
minutes: 5
---

## Look

Run web.

` + "```yaml step" + `
id: look
checks:
  - name: once
    mode: edge
    expr: ready(pod("web"))
    saw: [{say: Never.}]
  - name: now
    expr: ready(pod("web"))
    saw: [{say: "{{ here('pods').size() }} pods."}]
  - name: a while
    expr: ready(pod("web"))
    for: 5s
    within: 30s
    saw: [{say: Not yet.}]
  - name: gone
    expr: '!pod("old").hasValue()'
    baseline: pod("old").hasValue()
    saw: [{say: Still there.}]
  - name: untouched
    mode: invariant
    expr: '!pod("taboo").hasValue()'
    saw: [{say: There is a taboo.}]
hints: [{say: One.}, {say: Two.}]
solve: ["kubectl run web --image=x", "kubectl run old --image=x", "kubectl delete pod old"]
` + "```" + `

Well done.

` + "```yaml quiz" + `
- ask: Why?
  options:
    - {text: So., why: Yes., right: true}
    - {text: Not., why: No.}
` + "```" + `

## Next

Run other.

` + "```yaml step" + `
id: next
checks:
  - name: other is ready
    expr: ready(pod("web")) && ready(pod("other"))
    saw: [{say: No.}]
hints: [{say: Run it.}]
solve: ["kubectl run other --image=x"]
` + "```" + `
`

// session is a lesson being played by somebody who comes again.
type session struct {
	*exam
	text  string
	path  string
	leave func()
}

func newSession(t *testing.T) *session {
	s := sessionOf(t, modesText)
	s.come()
	return s
}

// sessionOf is a session of a lesson that nobody has opened yet.
func sessionOf(t *testing.T, text string) *session {
	return &session{
		exam: &exam{t: t, cluster: newFakeCluster(t), clock: clocktesting.NewFakeClock(time.Now())},
		text: text, path: filepath.Join(t.TempDir(), "lessons.json"),
	}
}

// come opens the lesson, as the first time or again.
func (s *session) come() {
	s.t.Helper()
	lesson, err := lessons.Parse("modes.md", []byte(s.text), nil)
	must(s.t, err)
	progress, err := OpenProgress(s.path)
	must(s.t, err)
	s.cluster.client.ClearActions()
	s.player, err = New(lesson, Env{Client: s.cluster.client, Clock: s.clock, Progress: progress, run: s.cluster.run})
	must(s.t, err)
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.player.Run(ctx)
	}()
	s.leave = func() { cancel(); <-ended }
	s.t.Cleanup(s.leave)
	s.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
	s.cluster.watched(lesson)
}

// met waits until just these checks are met.
func (s *session) met(names ...string) Snapshot {
	s.t.Helper()
	return s.until(func(now Snapshot) bool {
		var met []string
		for _, c := range now.Checks {
			if c.Met {
				met = append(met, c.Name)
			}
		}
		return slices.Equal(met, names)
	})
}

// says waits until a check says something.
func (s *session) says(check, want string) {
	s.t.Helper()
	s.until(func(now Snapshot) bool {
		return slices.ContainsFunc(now.Checks, func(c CheckState) bool { return c.Name == check && strings.Contains(c.Say, want) })
	})
}

// passTime lets time pass until the test ends.
func (s *session) passTime() {
	ctx := s.t.Context()
	go func() {
		for ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
			s.clock.Step(time.Second)
		}
	}()
}

func (s *session) remove(name string) {
	s.t.Helper()
	must(s.t, s.cluster.pods().Delete(s.t.Context(), name, metav1.DeleteOptions{}))
}

func (s *session) make(name string) {
	s.t.Helper()
	must(s.t, s.cluster.create(s.t.Context(), pod(name, "x")))
}

// TestChecksOfEachMode proves when a check is met, and when it is lost again.
func TestChecksOfEachMode(t *testing.T) {
	s := newSession(t)
	s.met("untouched")
	s.says("gone", "never otherwise")
	s.says("now", "0 pods.")
	s.make("web")
	s.met("once", "now", "untouched")
	s.says("a while", "True now. It must stay so for 5 seconds")
	s.clock.Step(4 * time.Second)
	s.remove("web")
	s.met("once", "untouched")
	s.make("web")
	s.met("once", "now", "untouched")
	// The four seconds of before do not count.
	s.clock.Step(4 * time.Second)
	s.met("once", "now", "untouched")
	s.clock.Step(time.Second)
	s.met("once", "now", "a while", "untouched")
	s.make("old")
	s.says("gone", "Still there.")
	s.remove("old")
	s.met("once", "now", "a while", "gone", "untouched")
	s.make("taboo")
	now := s.met("once", "now", "a while", "gone")
	s.player.Answer(0, now.Questions[0].Question.Right())
	if now = s.until(func(s Snapshot) bool { return s.Questions[0].Right }); now.StepDone {
		t.Error("the step is done though its invariant is broken")
	}
	s.remove("taboo")
	s.until(func(s Snapshot) bool { return s.StepDone })
}

// goneText is a lesson in which something must be gone and come back.
const goneText = `---
id: back
title: Back
minutes: 5
---

## Delete it

Delete guard.

` + "```yaml step" + `
id: back
checks:
  - name: guard was gone, and is there again
    mode: edge
    baseline: '!pod("guard").hasValue()'
    expr: ready(pod("guard"))
    saw:
      - {when: ready(pod("guard")), say: Nobody has deleted it so far.}
      - {say: It is gone.}
  - name: other was gone, and is there again
    mode: edge
    baseline: '!pod("other").hasValue()'
    expr: ready(pod("other"))
    saw: [{say: It is gone.}]
hints: [{say: Delete it.}]
solve: ["kubectl delete pod guard", "kubectl run guard --image=x"]
` + "```" + `
`

// TestGoneAndBackSaysWhatIsMissing proves that a check which was never otherwise speaks in the lesson's
// words where it has some for that, and does not say that something is gone which is there.
func TestGoneAndBackSaysWhatIsMissing(t *testing.T) {
	s := sessionOf(t, goneText)
	s.make("guard")
	s.make("other")
	s.come()
	s.says("guard was gone, and is there again", "Nobody has deleted it so far.")
	s.says("other was gone, and is there again", "never otherwise")
	s.remove("guard")
	s.says("guard was gone, and is there again", "It is gone.")
	s.make("guard")
	s.met("guard was gone, and is there again")
}

// TestLateChecksSayHowLongItTakes proves that a check says when it takes longer than it should.
func TestLateChecksSayHowLongItTakes(t *testing.T) {
	s := newSession(t)
	s.player.Command("kubectl get pods", 0, "")
	s.until(func(s Snapshot) bool { return s.Attempts == 1 })
	s.clock.Step(29 * time.Second)
	now := s.until(func(s Snapshot) bool { return s.Attempts == 1 })
	if say := now.Checks[2].Say; say != "Not yet." {
		t.Errorf("after 29 seconds it says %q", say)
	}
	s.clock.Step(time.Second)
	s.says("a while", "Not yet. (This normally takes less than 30 seconds.)")
}

// TestALessonIsTakenUpWhereItWas leaves in the middle of a step, and wants all of it again: the
// step, what was seen once, hints, answers, attempts.
func TestALessonIsTakenUpWhereItWas(t *testing.T) {
	s := newSession(t)
	s.make("web")
	s.make("old")
	s.says("gone", "Still there.")
	s.met("once", "now", "untouched")
	s.player.Hint()
	s.player.Answer(0, 1)
	s.player.Command("kubectl get pods", 0, "")
	s.until(func(s Snapshot) bool { return s.Attempts == 1 && len(s.Questions[0].Tried) == 1 })
	s.leave()
	s.remove("web")
	s.remove("old")

	s.come()
	now := s.met("once", "gone", "untouched")
	if now.Step != 0 || now.Attempts != 1 || !slices.Equal(now.Hints, []string{"One."}) || !slices.Equal(now.Questions[0].Tried, []int{1}) {
		t.Errorf("taken up at step %d after %d attempts, with the hints %q and the answers %v", now.Step, now.Attempts, now.Hints, now.Questions[0].Tried)
	}
	s.passTime()
	s.player.Skip()
	s.until(func(s Snapshot) bool { return s.StepDone && s.Busy == "" })
	s.player.Next()
	s.until(func(s Snapshot) bool { return s.Step == 1 })
	s.leave()

	s.come()
	if now = s.until(func(Snapshot) bool { return true }); now.Step != 1 || now.Steps[0] != Skipped {
		t.Errorf("taken up at step %d; the first one is %s", now.Step, now.Steps[0])
	}
}

// TestTimeSpentIsCounted proves that the time at a lesson is kept over sessions, and pauses are not.
func TestTimeSpentIsCounted(t *testing.T) {
	s := newSession(t)
	s.clock.Step(2 * time.Minute)
	s.leave()
	s.clock.Step(24 * time.Hour)
	s.come()
	s.clock.Step(3 * time.Minute)
	s.player.Command("kubectl get pods", 0, "")
	s.until(func(s Snapshot) bool { return s.Spent == 5*time.Minute })
	s.clock.Step(24 * time.Hour)
	s.player.Command("kubectl get pods", 0, "")
	s.until(func(s Snapshot) bool { return s.Spent == 15*time.Minute })
	s.leave()
	progress, err := OpenProgress(s.path)
	must(t, err)
	if record := progress.Lesson("modes"); record.Spent != 15*time.Minute {
		t.Errorf("%s are kept", record.Spent)
	}
}

// TestSkippingSolves proves that the next step has what it needs, and that skipping brings no marks.
func TestSkippingSolves(t *testing.T) {
	s := newSession(t)
	s.passTime()
	s.player.Skip()
	now := s.until(func(s Snapshot) bool { return s.StepDone && s.Busy == "" })
	if !now.Skipped || now.Right != 0 || now.Steps[0] != Skipped {
		t.Errorf("skipped: %t, %d answers right, %s", now.Skipped, now.Right, now.Steps[0])
	}
	s.player.Next()
	s.player.ShowMe()
	s.until(func(s Snapshot) bool { return s.Step == 1 && s.StepDone })
}
