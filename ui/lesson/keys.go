package lesson

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"kubarium/lessons"
	"kubarium/lessons/play"
	"kubarium/ui/keys"
	"kubarium/ui/panel"
)

// listKeys are the keys of the list of lessons.
func (p *Panel) listKeys() keys.Set {
	return keys.Set{
		{Keys: []string{"enter"}, Desc: "open", Bar: true, Run: func() tea.Cmd { return p.choose() }},
		{Keys: []string{"w"}, Desc: "words", Long: "what the words mean", Bar: true, Run: p.words},
		{Keys: []string{"up", "k"}, Label: "↑↓", Desc: "choose", Bar: true, Run: func() tea.Cmd { p.move(-1); return nil }},
		{Keys: []string{"down", "j"}, Label: "↓", Desc: "next lesson", Run: func() tea.Cmd { p.move(1); return nil }},
	}
}

// lessonKeys are the keys of a lesson being played.
func (p *Panel) lessonKeys() keys.Set {
	set := keys.Set{
		{Keys: []string{"enter", "n"}, Label: "enter", Action: "go-on", Desc: p.enterDesc(), Bar: true, Run: p.enter, Disabled: p.whyNotEnter},
		{Keys: []string{"t"}, Desc: typeIt, Long: "put the next command into the command line", Bar: p.enterDesc() != typeIt, Run: p.typeNext, Disabled: p.whyNotType},
		{Keys: []string{"h"}, Desc: "hint", Long: "open the next hint", Bar: true, Run: p.does((*play.Player).Hint), Disabled: p.whyNotHint},
		{Keys: []string{"s"}, Desc: "show me", Long: "run this step's commands before my eyes", Bar: true, Run: p.does((*play.Player).ShowMe), Disabled: p.whyNotSolve},
		{
			Keys: []string{"x"}, Desc: "skip", Long: "have this step done for me", Bar: true, Disabled: p.whyNotSolve,
			Run: p.confirm("Have this step done for you?", (*play.Player).Skip),
		},
		{Keys: []string{"r"}, Action: "reset", Desc: p.resetDesc(), Long: "bring cluster and files back to the step's start", Bar: true, Disabled: p.whyNotReset, Run: p.reset},
		{Keys: []string{"w"}, Desc: "words", Long: "what the words mean", Bar: true, Run: p.words},
		{Keys: []string{"b", "esc"}, Desc: "all lessons", Long: "back to the list of lessons", Bar: true, Run: p.back},
		{Keys: []string{"up", "k"}, Label: "↑↓", Desc: "scroll", Bar: true, Run: func() tea.Cmd { p.scroll.by(-1); return nil }},
		{Keys: []string{"down", "j"}, Label: "↓", Desc: "scroll down", Run: func() tea.Cmd { p.scroll.by(1); return nil }},
		{Keys: []string{"pgup"}, Desc: "page up", Run: func() tea.Cmd { p.scroll.page(-1); return nil }},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: func() tea.Cmd { p.scroll.page(1); return nil }},
		{Keys: []string{"home", "g"}, Label: "home", Desc: "top", Run: func() tea.Cmd { p.scroll.top(); return nil }},
		{Keys: []string{"end", "G"}, Label: "end", Desc: "bottom", Run: func() tea.Cmd { p.scroll.bottom(); return nil }},
	}
	if p.examining() {
		set = append(set, keys.Binding{Keys: []string{"p"}, Desc: "previous task", Bar: true, Run: p.does((*play.Player).Previous)})
	}
	return append(p.answerKeys(), set...)
}

// answerKeys are the digits that answer the open question.
func (p *Panel) answerKeys() keys.Set {
	q := p.openQuestion()
	if q < 0 {
		return nil
	}
	options := p.snap.Questions[q].Question.Options
	// The bar tells of all keys at once: a click there would not say which answer it is for.
	set := keys.Set{{Label: "1-" + strconv.Itoa(len(options)), Action: keys.Fixed, Desc: "answer", Long: "answer the question; an answer can be clicked on, too", Bar: true}}
	for o := range options {
		set = append(set, keys.Binding{
			Keys: []string{strconv.Itoa(o + 1)}, Action: keys.Fixed, Desc: "answer " + strconv.Itoa(o+1), Run: p.answers(q, o),
		})
	}
	return set
}

// answers gives an answer to a question.
func (p *Panel) answers(question, option int) func() tea.Cmd {
	return p.does(func(pl *play.Player) { pl.Answer(question, option) })
}

// openQuestion is the first question not answered rightly yet, or -1.
func (p *Panel) openQuestion() int {
	for i, q := range p.snap.Questions {
		if !q.Right {
			return i
		}
	}
	return -1
}

func (p *Panel) does(do func(*play.Player)) func() tea.Cmd {
	return func() tea.Cmd {
		if p.player == nil {
			return nil
		}
		return tell(do, p.player)
	}
}

func (p *Panel) confirm(text string, do func(*play.Player)) func() tea.Cmd {
	return func() tea.Cmd {
		p.ask = question{text: text, yes: p.does(do)}
		return nil
	}
}

// enter does what is next: open, begin, go on, or type the command.
func (p *Panel) enter() tea.Cmd {
	switch {
	case p.snap.Finished:
		return p.back()
	case p.examining() && p.snap.Step == len(p.snap.Steps)-1:
		return p.confirm("Hand in the exam?", (*play.Player).Next)()
	case p.snap.StepDone, p.examining(), p.free() && p.snap.Step >= 0:
		return p.does((*play.Player).Next)()
	}
	return p.typeNext()
}

// typeIt is what enter does, too, while a step is not done.
const typeIt = "type it"

func (p *Panel) enterDesc() string {
	switch {
	case p.snap.Finished:
		return "all lessons"
	case p.snap.Step < 0:
		return "begin"
	case p.examining() && p.snap.Step == len(p.snap.Steps)-1:
		return "hand in"
	case p.examining():
		return "next task"
	case p.free() && p.met() < len(p.snap.Steps):
		return "another challenge"
	case p.snap.StepDone && (p.snap.Step == len(p.snap.Steps)-1 || p.free()):
		return "finish"
	case p.snap.StepDone:
		return "next step"
	}
	return typeIt
}

func (p *Panel) whyNotEnter() string {
	switch {
	case p.player == nil:
		return "the lesson is not open yet"
	case p.snap.Busy != "":
		return p.snap.Busy
	case p.snap.StepDone || p.snap.NextCommand != "" || p.examining() || (p.free() && p.snap.Step >= 0):
		return ""
	}
	return "the step is not done yet"
}

func (p *Panel) typeNext() tea.Cmd {
	line := p.snap.NextCommand
	if line == "" {
		return nil
	}
	if _, ok := lessons.FaultOf(line); ok {
		// The command line knows kubectl only; this needs the app itself.
		return p.does(func(pl *play.Player) { pl.Type(line) })()
	}
	return func() tea.Msg { return panel.RunMsg{Command: line} }
}

func (p *Panel) whyNotType() string {
	if p.snap.NextCommand == "" {
		return "there is no command left to type in this step"
	}
	return ""
}

// nobodyHelps is why some keys do nothing in an exam.
const nobodyHelps = "in an exam nobody helps"

// examining reports whether an exam is being taken.
func (p *Panel) examining() bool {
	return p.snap.Lesson != nil && p.snap.Lesson.Kind == lessons.Exam && p.snap.Step >= 0 && !p.snap.Finished
}

func (p *Panel) whyNotHint() string {
	if p.snap.MoreHints == 0 && p.snap.LaterHints > 0 && !p.snap.StepDone {
		return "try something first: there are more hints after some attempts"
	}
	if p.snap.MoreHints == 0 || p.snap.StepDone {
		return "there is no further hint"
	}
	return ""
}

func (p *Panel) whyNotSolve() string {
	switch {
	case p.player == nil || !p.snap.Ready || p.snap.Step < 0 || p.snap.Finished:
		return "no step is being played"
	case p.examining():
		return nobodyHelps
	case p.snap.StepDone:
		return "the step is done"
	case p.snap.Busy != "":
		return p.snap.Busy
	}
	return ""
}

func (p *Panel) resetDesc() string {
	if p.snap.Finished {
		return "play again"
	}
	return "reset"
}

func (p *Panel) reset() tea.Cmd {
	if p.snap.Finished {
		return p.confirm("Play the whole lesson again?", (*play.Player).Restart)()
	}
	return p.confirm("Go back to the start of this step? What you did for it since then is undone.", (*play.Player).Reset)()
}

func (p *Panel) whyNotReset() string {
	switch {
	case p.player == nil || !p.snap.Ready || p.snap.Step < 0:
		return "no step is being played"
	case p.examining():
		return nobodyHelps
	case p.snap.Busy != "":
		return p.snap.Busy
	}
	return ""
}

// back leaves the lesson; it is taken up again exactly here.
func (p *Panel) back() tea.Cmd {
	p.close()
	p.page = pageList
	for i, l := range p.opts.Course.Lessons() {
		if l == p.wanted {
			p.cursor = i
		}
	}
	p.wanted = nil
	return nil
}

func (p *Panel) move(by int) {
	n := len(p.opts.Course.Lessons())
	p.cursor = max(0, min(n-1, p.cursor+by))
}

func (p *Panel) choose() tea.Cmd {
	all := p.opts.Course.Lessons()
	if p.cursor >= len(all) {
		return nil
	}
	p.wanted, p.page = all[p.cursor], pageLesson
	return p.open()
}
