package play

import (
	"slices"
	"time"

	"kubarium/lessons"
)

// Snapshot is all there is to show of a player at one moment. It shares
// nothing with the player but the lesson, which never changes.
type Snapshot struct {
	Lesson *lessons.Lesson
	// Step counts from 0; -1 is the introduction, len(Lesson.Steps) the end.
	Step int
	// Ready says that the cluster is being watched.
	Ready bool
	// Busy says what is being done just now, or is empty.
	Busy string
	// Notice is something that went wrong, or is empty.
	Notice string

	StepDone  bool
	Skipped   bool
	Attempts  int
	Checks    []CheckState
	Questions []QuestionState
	// Hints are the open ones; MoreHints says how many can still be opened, and LaterHints
	// how many after more attempts. HintOffered says that it is time for one.
	Hints       []string
	MoreHints   int
	LaterHints  int
	HintOffered bool
	// Remark is what there is to say to the last command, if it took a wrong turn.
	Remark string
	// NextCommand is the first of the step's commands not typed yet.
	NextCommand string
	// Shown are the commands of the solution that were run, oldest first. The
	// last one is still running when Running is set.
	Shown   []lessons.Command
	Running bool

	// News is what was met in free play just now.
	News string

	// Steps says of each step how it stands.
	Steps []StepStatus
	// Right and Asked count the questions answered rightly at the first try.
	Right, Asked int
	// Points is what the tasks of an exam have brought so far, by domain what they
	// have brought there, and Ends when its time is up.
	Points   int
	Domains  []DomainScore
	Ends     time.Time
	Started  time.Time
	Finished bool
	// Spent is how long the learner was at it, without long pauses.
	Spent time.Duration
}

// DomainScore is what one part of an exam has brought.
type DomainScore struct {
	Domain   string
	Points   int
	Possible int
}

// StepStatus is how a step stands.
type StepStatus string

const (
	// Todo steps come later.
	Todo StepStatus = "to do"
	// Current is the step being played.
	Current StepStatus = "current"
	// Done steps were done by the learner.
	Done StepStatus = "done"
	// Skipped steps were done for the learner.
	Skipped StepStatus = "skipped"
)

// CheckState is how a check stands.
type CheckState struct {
	Name string
	Mode lessons.Mode
	Met  bool
	// Holding says that it is true but has to stay so until Until.
	Holding bool
	Until   time.Time
	// Say is what was seen and what is missing; empty when it is met.
	Say string
	// Err is why the expression could not be evaluated, and SayErr why a part of what the
	// check says could not, for authors.
	Err, SayErr error
}

// QuestionState is how a question stands.
type QuestionState struct {
	Question *lessons.Question
	// Tried are the options chosen so far, in order.
	Tried []int
	Right bool
}

func (p *Player) publish() {
	snapshot := p.snapshot()
	select {
	case <-p.updates:
	default:
	}
	p.updates <- snapshot
}

func (p *Player) snapshot() Snapshot {
	s := Snapshot{
		Lesson: p.lesson, Step: p.step, Ready: p.synced, Busy: p.busy, Notice: p.notice, News: p.news,
		StepDone: p.state.done, Started: p.record.Started, Spent: p.record.Spent, Finished: p.step >= len(p.lesson.Steps),
	}
	s.Steps = make([]StepStatus, len(p.lesson.Steps))
	for i := range p.lesson.Steps {
		s.Steps[i] = p.status(i)
	}
	s.Right, s.Asked = p.record.Score(p.lesson)
	if p.lesson.Kind == lessons.Exam {
		p.points(&s)
	}
	step := p.current()
	if step == nil {
		return s
	}
	record := p.state.record
	s.Skipped, s.Attempts = record.Skipped, record.Attempts
	s.Shown = append(s.Shown, p.state.shown...)
	s.Running = len(s.Shown) > 0 && s.Shown[len(s.Shown)-1].Exit == running
	for i := range step.Checks {
		s.Checks = append(s.Checks, p.checkSnapshot(&step.Checks[i], &p.state.checks[i]))
	}
	for i := range step.Quiz {
		s.Questions = append(s.Questions, QuestionState{
			Question: &step.Quiz[i], Tried: append([]int(nil), record.Answers[i]...), Right: p.answered(step, i),
		})
	}
	p.hints(&s, step, record)
	s.NextCommand = p.nextCommand(step)
	return s
}

// patienceTries is how many commands are typed in vain before a hint is offered.
const patienceTries = 3

// hints are the open ones in the order in which they were opened, and what more there is.
func (p *Player) hints(s *Snapshot, step *lessons.Step, record *StepRecord) {
	looks := record.Looks
	for n := 0; n <= len(record.Hints); n++ {
		for len(looks) > 0 && looks[0].After == n {
			s.Hints = append(s.Hints, looks[0].Say)
			looks = looks[1:]
		}
		if n < len(record.Hints) && record.Hints[n] < len(step.Hints) {
			s.Hints = append(s.Hints, p.eval.Text(step.Hints[record.Hints[n]].Say))
		}
	}
	if p.state.done || p.lesson.Kind == lessons.Exam {
		return
	}
	_, s.MoreHints = p.nextHint()
	if say := p.unseen(step); say != "" && !record.looked(say) {
		s.MoreHints++
	}
	for _, h := range step.Hints {
		if h.After > record.Attempts {
			s.LaterHints++
		}
	}
	s.HintOffered = s.MoreHints > 0 && record.Attempts-record.HintAt >= patienceTries
	s.Remark = p.state.remark
}

func (p *Player) checkSnapshot(c *lessons.Check, s *checkState) CheckState {
	out := CheckState{Name: c.Name, Mode: c.Mode, Met: s.met || p.state.done, Err: s.err}
	if out.Met {
		return out
	}
	if !p.synced {
		out.Say = "Waiting for the cluster."
		return out
	}
	if p.frozen {
		return out
	}
	out.Holding = !s.since.IsZero() && c.For > 0
	if out.Holding {
		out.Until = s.since.Add(c.For)
	}
	out.Say, out.SayErr = p.sentence(c, s)
	return out
}

func (p *Player) status(step int) StepStatus {
	record := p.record.Steps[p.lesson.Steps[step].ID]
	switch {
	case record != nil && record.Done && record.Skipped:
		return Skipped
	case record != nil && record.Done:
		return Done
	case step == p.step:
		return Current
	}
	return Todo
}

// points counts what the tasks of an exam have brought.
func (p *Player) points(s *Snapshot) {
	if !p.record.Started.IsZero() {
		s.Ends = p.record.Started.Add(p.lesson.Limit)
	}
	for i, step := range p.lesson.Steps {
		at := slices.IndexFunc(s.Domains, func(d DomainScore) bool { return d.Domain == step.Domain })
		if at < 0 {
			at = len(s.Domains)
			s.Domains = append(s.Domains, DomainScore{Domain: step.Domain})
		}
		s.Domains[at].Possible += step.Points
		if s.Steps[i] == Done {
			s.Domains[at].Points += step.Points
		}
	}
	s.Points = p.record.Points(p.lesson)
}

// nextCommand is the first command of the step that was not typed yet.
func (p *Player) nextCommand(step *lessons.Step) string {
	if p.state.done || p.lesson.Kind == lessons.Exam {
		return ""
	}
	for _, line := range step.Commands {
		typed := false
		for _, c := range p.store.commands {
			typed = typed || (c.Exit == 0 && lessons.SameCommand(line, c.Line))
		}
		if !typed {
			return line
		}
	}
	return ""
}
