package lesson

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	clocktesting "k8s.io/utils/clock/testing"

	"kubarium/lessons"
	"kubarium/lessons/course"
	"kubarium/lessons/play"
	"kubarium/ui/panel"
)

var update = flag.Bool("update", false, "write the golden files anew")

func loadCourse(t *testing.T) *lessons.Course {
	t.Helper()
	c, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	// The screens should not change with every lesson that is added.
	c.Chapters = c.Chapters[:1]
	return c
}

func newPanel(t *testing.T) *Panel {
	t.Helper()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	p := New(t.Context(), Options{Course: loadCourse(t), Clock: clocktesting.NewFakeClock(now)})
	p.Focused(true)
	return p
}

// playing is a panel in the middle of a lesson.
func playing(t *testing.T, change func(*play.Snapshot)) *Panel {
	t.Helper()
	p := newPanel(t)
	l := p.opts.Course.Find("first-pod")
	p.wanted, p.page, p.player = l, pageLesson, &play.Player{}
	s := play.Snapshot{Lesson: l, Ready: true, Steps: make([]play.StepStatus, len(l.Steps))}
	for i := range s.Steps {
		s.Steps[i] = play.Todo
	}
	change(&s)
	for i := range s.Step {
		s.Steps[i] = play.Done
	}
	p.snap = s
	return p
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	same(t, name, trimLines(ansi.Strip(got))+"\n")
}

// same compares a text with the one of that name in testdata.
func same(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; run go test -update if this is what you want:\n%s", path, got)
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// screens are what a learner meets on the way through a lesson.
func screens(t *testing.T) map[string]*Panel {
	until := time.Date(2026, 11, 20, 12, 0, 7, 0, time.UTC)
	quiz := loadCourse(t).Find("first-pod").Steps[7].Quiz
	return map[string]*Panel{
		"list":  newPanel(t),
		"intro": playing(t, func(s *play.Snapshot) { s.Step, s.StepDone = -1, true }),
		"step": playing(t, func(s *play.Snapshot) {
			s.NextCommand = "kubectl run web --image=kubarium/web:1.0"
			s.Checks = []play.CheckState{
				{Name: "The cluster knows a pod named web", Met: true},
				{Name: "web runs and is ready", Say: "node-2 was chosen. It is fetching the image and starting the container."},
			}
		}),
		"marked": playing(t, func(s *play.Snapshot) {
			s.Step = 2
			s.Checks = []play.CheckState{{Name: "You read the description of web", Say: "Not read yet."}}
		}),
		"hold": playing(t, func(s *play.Snapshot) {
			s.Step = 6
			s.Hints = []string{"The command is: kubectl delete pod web hello"}
			s.Checks = []play.CheckState{{Name: "web existed, is gone, and stays gone", Holding: true, Until: until}}
		}),
		"done": playing(t, func(s *play.Snapshot) {
			s.StepDone = true
			s.Checks = []play.CheckState{{Name: "web runs and is ready", Met: true}}
		}),
		"quiz": playing(t, func(s *play.Snapshot) {
			s.Step = 7
			s.Questions = []play.QuestionState{
				{Question: &quiz[0], Tried: []int{0}}, {Question: &quiz[1]}, {Question: &quiz[2]},
			}
		}),
		"finished": playing(t, func(s *play.Snapshot) {
			s.Step, s.StepDone, s.Finished, s.Right, s.Asked, s.Spent = 8, true, true, 2, 3, 11*time.Minute
		}),
	}
}

func TestScreens(t *testing.T) {
	for name, p := range screens(t) {
		t.Run(name, func(t *testing.T) {
			p.View(40, 40)
			switch name {
			case "hold":
				p.scroll.to(markHint)
			case "marked":
				p.scroll.bottom()
			case "done":
				p.scroll.to(markDone)
			case "quiz":
				p.scroll.bottom()
			}
			golden(t, name+"-40", p.View(40, 40))
			golden(t, name+"-60", p.View(60, 30))
		})
	}
}

// TestMarksAreThoseOfTheStep proves that keys and objects are marked as long as the step
// that speaks of them is to be done, and no longer.
func TestMarksAreThoseOfTheStep(t *testing.T) {
	p := playing(t, func(s *play.Snapshot) { s.Step = 2 })
	if got := p.MarkedKeys(); !slices.Equal(got, []string{"tab", "enter"}) {
		t.Errorf("marked keys are %v", got)
	}
	if got, want := p.MarkedObjects(), []panel.Object{{Kind: "Pod", Namespace: "default", Name: "web"}}; !slices.Equal(got, want) {
		t.Errorf("marked objects are %v, not %v", got, want)
	}
	p.snap.StepDone = true
	if p.MarkedKeys() != nil || p.MarkedObjects() != nil || p.Points() != nil {
		t.Error("a step that is done still has marks")
	}
}

// TestViewFills proves that every screen is exactly as large as it was asked
// to be, down to sizes at which nobody can read it.
func TestViewFills(t *testing.T) {
	for name, p := range screens(t) {
		for _, size := range [][2]int{{1, 1}, {7, 3}, {20, 5}, {40, 12}, {40, 40}, {100, 50}} {
			lines := strings.Split(p.View(size[0], size[1]), "\n")
			if len(lines) != size[1] {
				t.Errorf("%s at %v has %d lines", name, size, len(lines))
			}
			for _, line := range lines {
				if w := ansi.StringWidth(line); w != size[0] {
					t.Errorf("%s at %v has a line of %d cells: %q", name, size, w, line)
				}
			}
		}
	}
}

// TestCommandsAreWhole proves that a command wider than the panel can be read
// to its end.
func TestCommandsAreWhole(t *testing.T) {
	p := playing(t, func(s *play.Snapshot) { s.Step = 3 })
	text := strings.Join(p.prose.lines(p.snap.Lesson.Steps[3].Text, 40), "")
	if got := strings.ReplaceAll(ansi.Strip(text), " ", ""); !strings.Contains(got, "pods/web:8080/proxy/") {
		t.Errorf("the long path is cut off:\n%s", text)
	}
}

func press(p *Panel, name string) tea.Msg {
	code := []rune(name)[0]
	msg := tea.KeyPressMsg{Code: code, Text: name}
	if name == "enter" {
		msg = tea.KeyPressMsg{Code: tea.KeyEnter}
	}
	if cmd := p.Update(msg); cmd != nil {
		return cmd()
	}
	return nil
}

// click clicks on the first line that has a text.
func click(t *testing.T, p *Panel, text string) tea.Cmd {
	t.Helper()
	lines := strings.Split(ansi.Strip(p.View(60, 40)), "\n")
	y := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
	if y < 0 {
		t.Fatalf("no %q in\n%s", text, strings.Join(lines, "\n"))
	}
	return p.Update(tea.MouseClickMsg{X: 3, Y: y, Button: tea.MouseLeft})
}

// TestLessonsAreClicked: a click chooses a lesson, and a second one opens it.
func TestLessonsAreClicked(t *testing.T) {
	p := newPanel(t)
	third := p.opts.Course.Lessons()[2]
	click(t, p, third.Title)
	if p.cursor != 2 || p.page != pageList {
		t.Fatalf("the cursor is on lesson %d, page %d", p.cursor, p.page)
	}
	click(t, p, p.opts.Course.Chapters[0].Title)
	if p.cursor != 2 {
		t.Error("a click beside the lessons chose one")
	}
	click(t, p, third.Title)
	if p.page != pageLesson || p.wanted != third {
		t.Errorf("page %d, lesson %v", p.page, p.wanted)
	}
}

// TestAnswersAreClicked, and not what stands around them, nor the bar's range of keys.
func TestAnswersAreClicked(t *testing.T) {
	for _, height := range []int{40, 12} {
		p := screens(t)["quiz"]
		p.View(60, height)
		p.scroll.bottom()
		lines := strings.Split(ansi.Strip(p.View(60, height)), "\n")
		found := 0
		for y, l := range lines {
			cmd := p.Update(tea.MouseClickMsg{X: 3, Y: y, Button: tea.MouseLeft})
			if answer := strings.HasPrefix(l, "  2  ") || strings.HasPrefix(l, "  3  "); answer {
				found++
				if cmd == nil {
					t.Errorf("a click on %q does nothing", l)
				}
			} else if !strings.HasPrefix(l, "  ") && cmd != nil {
				t.Errorf("a click on %q answers", l)
			}
		}
		if found == 0 {
			t.Errorf("no answers in\n%s", strings.Join(lines, "\n"))
		}
	}
	for _, b := range screens(t)["quiz"].Keys() {
		if strings.HasPrefix(b.Label, "1-") && len(b.Keys) > 0 {
			t.Errorf("%s is a click on %s", b.Label, b.Keys[0])
		}
	}
}

func TestTypePutsTheCommandIntoTheCommandLine(t *testing.T) {
	p := playing(t, func(s *play.Snapshot) { s.NextCommand = "kubectl get pods" })
	for _, name := range []string{"t", "enter"} {
		if msg := press(p, name); msg != (panel.RunMsg{Command: "kubectl get pods"}) {
			t.Errorf("%s gives %#v", name, msg)
		}
	}
}

func TestSkipAndResetAskFirst(t *testing.T) {
	for _, name := range []string{"x", "r"} {
		p := playing(t, func(*play.Snapshot) {})
		if press(p, name) != nil || p.ask.yes == nil {
			t.Fatalf("%s does not ask", name)
		}
		if !strings.Contains(ansi.Strip(p.View(60, 30)), "y: yes") {
			t.Errorf("the question of %s is not seen", name)
		}
		press(p, "z")
		if p.ask.yes != nil {
			t.Errorf("another key does not call %s off", name)
		}
	}
}

func TestKeysAreTruthful(t *testing.T) {
	has := func(p *Panel, name string) bool {
		_, ok := p.Keys().Find(name)
		return ok
	}
	p := playing(t, func(s *play.Snapshot) { s.MoreHints = 1 })
	if !has(p, "h") || has(p, "t") || !has(p, "s") {
		t.Error("a step with a hint and no command left")
	}
	p.snap.StepDone = true
	if has(p, "s") || has(p, "x") || !has(p, "enter") {
		t.Error("a step that is done")
	}
	for _, taken := range []string{"tab", "shift+tab", ":", "?", "q", "ctrl+c", "L", "f2"} {
		if has(p, taken) {
			t.Errorf("%s belongs to the app", taken)
		}
	}
}

func TestOpensWhenTheClusterAnswers(t *testing.T) {
	p := New(context.Background(), Options{Course: loadCourse(t), Open: "first-pod"})
	if got := ansi.Strip(p.View(60, 10)); !strings.Contains(got, "as soon as the cluster answers") {
		t.Errorf("before the cluster answers:\n%s", got)
	}
	if p.open() != nil {
		t.Error("opens without a cluster")
	}
}

func TestGlossaryExplainsAndGoesBack(t *testing.T) {
	p := newPanel(t)
	press(p, "w")
	if got := p.View(60, 30); p.Title() != "Words" || !strings.Contains(got, "API server") || !strings.Contains(got, "Lesson: Your first pod") {
		t.Errorf("%s:\n%s", p.Title(), got)
	}
	press(p, "esc")
	if p.page != pageList {
		t.Error("esc does not go back to the list")
	}
}

func TestFaultsAreDoneByTheAppItself(t *testing.T) {
	p := playing(t, func(s *play.Snapshot) { s.NextCommand = "kubarium node kill node-3" })
	cmd := p.typeNext()
	if cmd == nil {
		t.Fatal("nothing is done")
	}
	ran := make(chan tea.Msg, 1)
	go func() { ran <- cmd() }()
	select {
	case msg := <-ran:
		if _, typed := msg.(panel.RunMsg); typed {
			t.Error("the command line is given what it does not understand")
		}
	case <-time.After(100 * time.Millisecond):
		// The player of this test does not run; it was asked, which is the point.
	}
}
