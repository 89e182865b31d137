package lesson

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubarium/lessons"
	"kubarium/lessons/play"
	"kubarium/ui/panel"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// View draws the panel.
func (p *Panel) View(width, height int) string {
	if width < 1 || height < 1 {
		return ""
	}
	var lines []string
	p.clicks = clicks{}
	switch p.page {
	case pageList:
		lines = p.list(width, height)
	case pageGlossary:
		lines = p.glossary(width, height)
	default:
		lines = p.lesson(width, height)
	}
	return widget.Block(lines, width, height, p.theme.Icons.Ellipsis)
}

// lesson is a lesson being played: progress and title above, checks below,
// the text between them. Where that gets too tight, all of it scrolls.
func (p *Panel) lesson(width, height int) []string {
	if p.snap.Lesson == nil {
		return p.waiting(width)
	}
	head := p.head(width)
	foot := p.foot(width)
	if len(head)+len(foot) > height*3/5 {
		text := body{lines: head}
		p.text(&text, width)
		text.add("")
		text.add(foot...)
		seen := p.scroll.fit(text, height)
		p.clicks.seen(text.clicks, p.scroll.offset, height, 0)
		return seen
	}
	var text body
	p.text(&text, width)
	room := height - len(head) - len(foot)
	seen := p.scroll.fit(text, room)
	p.clicks.seen(text.clicks, p.scroll.offset, room, len(head))
	for len(seen) < room {
		seen = append(seen, "")
	}
	return append(append(append([]string(nil), head...), seen...), foot...)
}

func (p *Panel) waiting(width int) []string {
	text := "Opening the lesson" + p.theme.Icons.Ellipsis
	tone := theme.Muted
	switch {
	case p.failed != "":
		text, tone = "The lesson could not be opened: "+p.failed, theme.Bad
	case p.config == nil && p.opts.Client == nil:
		text = "The lesson begins as soon as the cluster answers."
	}
	return p.wrap(text, width, tone)
}

// head is the progress and the title of the step.
func (p *Panel) head(width int) []string {
	s := p.snap
	title, left := "", ""
	switch {
	case s.Finished:
		title, left = "Lesson finished", "Finished"
		if s.Lesson.Kind == lessons.Exam {
			title = "Exam finished"
		}
	case s.Step < 0:
		title, left = s.Lesson.Title, fmt.Sprintf("%d steps, about %d minutes", len(s.Steps), s.Lesson.Minutes)
		if s.Lesson.Kind == lessons.Exam {
			left = fmt.Sprintf("%d tasks, %s, %d of %d points to pass", len(s.Steps), widget.Plural(int(s.Lesson.Limit.Minutes()), "minute", "minutes"), s.Lesson.Pass, s.Lesson.Points())
		}
	default:
		title = s.Lesson.Steps[s.Step].Title
		left = fmt.Sprintf("Step %d of %d", s.Step+1, len(s.Steps))
		if p.free() {
			left = fmt.Sprintf("%d of %d challenges met", p.met(), len(s.Steps))
		}
		if p.examining() {
			left = fmt.Sprintf("Task %d of %d, %d points; time until %s", s.Step+1, len(s.Steps), s.Lesson.Steps[s.Step].Points, s.Ends.Format("15:04"))
		}
	}
	lines := []string{widget.Spread(p.theme.Tone(theme.Muted).Render(left), p.progress(), width, p.theme.Icons.Ellipsis)}
	if s.Lesson.Kind == lessons.Exam && widget.Width(left)+len(s.Steps) >= width {
		// How much time is left must be seen.
		lines = append(p.wrap(left, width, theme.Muted), p.progress())
	}
	for _, line := range widget.Lines(title, width) {
		lines = append(lines, p.theme.Title.Render(line))
	}
	return append(lines, "")
}

// progress is a sign for each step.
func (p *Panel) progress() string {
	var b strings.Builder
	for i, status := range p.snap.Steps {
		icons := p.theme.Icons
		switch {
		case i == p.snap.Step && !p.snap.StepDone:
			b.WriteString(p.theme.Tone(theme.Accent).Render(icons.Cursor))
		case status == play.Done:
			b.WriteString(p.theme.Tone(theme.OK).Render(icons.Check))
		case status == play.Skipped:
			b.WriteString(p.theme.Tone(theme.Muted).Render(icons.BarFull))
		default:
			b.WriteString(p.theme.Tone(theme.Faint).Render(icons.Pending))
		}
	}
	return b.String()
}

// text is what scrolls.
func (p *Panel) text(b *body, width int) {
	s := p.snap
	switch {
	case s.Finished:
		p.finished(b, width)
		return
	case s.Step < 0:
		b.add(p.prose.lines(s.Lesson.Intro, width)...)
		return
	}
	step := &s.Lesson.Steps[s.Step]
	b.add(p.prose.lines(p.highlight(step.Text), width)...)
	p.hints(b, width)
	p.shown(b, width)
	p.quiz(b, width)
	if s.StepDone {
		p.done(b, step, width)
	}
	if p.free() {
		p.challenges(b, width)
	}
}

// speaking is the step that speaks of things just now; nil if none does.
func (p *Panel) speaking() *lessons.Step {
	s := p.snap
	if p.page != pageLesson || s.Lesson == nil || s.Step < 0 || s.Finished || s.StepDone || p.examining() {
		return nil
	}
	return &s.Lesson.Steps[s.Step]
}

// Points are the parts of the map of which the step speaks that is to be done.
func (p *Panel) Points() []string {
	if step := p.speaking(); step != nil {
		return p.snap.Lesson.Regions(step)
	}
	return nil
}

// MarkedKeys are the keys of the app of which the step speaks that is to be done.
func (p *Panel) MarkedKeys() []string {
	if step := p.speaking(); step != nil {
		return step.Keys
	}
	return nil
}

// MarkedObjects are the objects of the map of which it speaks.
func (p *Panel) MarkedObjects() []panel.Object {
	step := p.speaking()
	if step == nil {
		return nil
	}
	var all []panel.Object
	for _, look := range step.Objects() {
		kind, name, _ := strings.Cut(look, "/")
		switch kind {
		case "nodes":
			all = append(all, panel.Object{Kind: "Node", Name: name})
		case "components":
			all = append(all, panel.Object{Kind: "component", Name: name})
		case "pods":
			all = append(all, panel.Object{Kind: "Pod", Namespace: p.snap.Lesson.Space(), Name: name})
		case "services":
			all = append(all, panel.Object{Kind: "Service", Namespace: p.snap.Lesson.Space(), Name: name})
		}
	}
	return all
}

// highlight marks in a text the keys and objects that are marked in the app, where they
// are written as code.
func (p *Panel) highlight(text string) string {
	marked := p.MarkedKeys()
	for _, o := range p.MarkedObjects() {
		marked = append(slices.Clone(marked), o.Name)
	}
	for _, word := range marked {
		text = strings.ReplaceAll(text, "`"+word+"`", "**"+p.theme.Icons.Cursor+"`"+word+"`**")
	}
	return text
}

// free reports whether this is free play.
func (p *Panel) free() bool { return p.snap.Lesson != nil && p.snap.Lesson.Kind == lessons.Sandbox }

func (p *Panel) met() int {
	n := 0
	for _, status := range p.snap.Steps {
		if status == play.Done || status == play.Skipped {
			n++
		}
	}
	return n
}

// challenges lists all that free play has.
func (p *Panel) challenges(b *body, width int) {
	b.add("", p.theme.Bold.Render("All challenges"))
	for i, step := range p.snap.Lesson.Steps {
		sign, tone := p.theme.Icons.Pending, theme.Plain
		if status := p.snap.Steps[i]; status == play.Done || status == play.Skipped {
			sign, tone = p.theme.Icons.Check, theme.OK
		}
		b.add(p.indent(sign+" ", step.Title, width, tone)...)
	}
}

func (p *Panel) hints(b *body, width int) {
	for i, hint := range p.snap.Hints {
		if i == len(p.snap.Hints)-1 {
			b.mark(markHint)
		}
		b.add("")
		b.add(p.theme.Tone(theme.Warn).Bold().Render(fmt.Sprintf("Hint %d", i+1)))
		b.add(p.wrap(hint, width, theme.Plain)...)
	}
}

// shown are the commands of show me, with what they answered.
func (p *Panel) shown(b *body, width int) {
	if len(p.snap.Shown) == 0 {
		return
	}
	b.mark(markShown)
	b.add("", p.theme.Tone(theme.Busy).Bold().Render("Done for you"))
	for _, c := range p.snap.Shown {
		b.add(p.indent("$ ", c.Line, width, theme.Accent)...)
		for _, line := range strings.Split(strings.TrimRight(widget.Clean(c.Output), "\n"), "\n") {
			if line != "" {
				b.add(p.theme.Tone(theme.Muted).Render(widget.Fit("  "+line, width, p.theme.Icons.Ellipsis)))
			}
		}
	}
}

func (p *Panel) done(b *body, step *lessons.Step, width int) {
	if len(step.Checks) == 0 && len(step.Quiz) == 0 {
		return
	}
	b.mark(markDone)
	word := "Done"
	if p.snap.Skipped {
		word = "Done for you"
	}
	b.add("", p.theme.Tone(theme.OK).Bold().Render(p.theme.Icons.Check+" "+word))
	if after := p.prose.lines(step.After, width); after != nil {
		b.add("")
		b.add(after...)
	}
}

func (p *Panel) finished(b *body, width int) {
	s := p.snap
	if s.Lesson.Kind == lessons.Exam {
		p.marks(b, width)
		return
	}
	b.add(p.wrap("You have finished \""+s.Lesson.Title+"\".", width, theme.Plain)...)
	if s.Asked > 0 {
		b.add(p.wrap(fmt.Sprintf("Questions right at the first try: %d of %d.", s.Right, s.Asked), width, theme.Plain)...)
	}
	if s.Spent > 0 {
		b.add(p.wrap("It took you "+minutes(s.Spent)+".", width, theme.Plain)...)
	}
	if len(s.Lesson.Docs) > 0 {
		b.add("", p.theme.Bold.Render("Read on at kubernetes.io"))
		for _, d := range s.Lesson.Docs {
			b.add(p.indent(p.prose.bullet("-")+" ", d.Title, width, theme.Plain)...)
			b.add(p.indent("  ", d.URL, width, theme.Accent)...)
		}
	}
}

// minutes is a length of time in whole minutes.
func minutes(d time.Duration) string {
	return widget.Plural(max(1, int(d.Round(time.Minute)/time.Minute)), "minute", "minutes")
}

// marks are what an exam has brought, and how the tasks are solved that were missed.
func (p *Panel) marks(b *body, width int) {
	s := p.snap
	verdict, tone := "That is not enough yet.", theme.Warn
	if s.Points >= s.Lesson.Pass {
		verdict, tone = "Passed.", theme.OK
	}
	b.add(p.wrap(fmt.Sprintf("%d of %d points; %d are needed. %s", s.Points, s.Lesson.Points(), s.Lesson.Pass, verdict), width, tone)...)
	if s.Spent > 0 {
		b.add(p.wrap(fmt.Sprintf("It took you %s of %d.", minutes(s.Spent), int(s.Lesson.Limit.Minutes())), width, theme.Plain)...)
	}
	for _, d := range s.Domains {
		b.add(p.indent(p.prose.bullet("-")+" ", fmt.Sprintf("%s: %d of %d", d.Domain, d.Points, d.Possible), width, theme.Plain)...)
	}
	for i := range s.Lesson.Steps {
		step := &s.Lesson.Steps[i]
		sign := p.theme.Icons.Failing
		if s.Steps[i] == play.Done {
			sign = p.theme.Icons.Check
		}
		b.add("", p.theme.Bold.Render(widget.Fit(sign+" "+step.Title, width, p.theme.Icons.Ellipsis)))
		b.add(p.prose.lines(step.After, width)...)
	}
}

// foot is what must always be seen: the checks, what is going on, and what to
// do next.
func (p *Panel) foot(width int) []string {
	lines := []string{p.theme.Border.Render(strings.Repeat(p.theme.Icons.BarEmpty, width))}
	for _, c := range p.snap.Checks {
		lines = append(lines, p.check(c, width)...)
	}
	if p.snap.News != "" {
		lines = append(lines, p.wrap(p.theme.Icons.Check+" "+p.snap.News, width, theme.OK)...)
	}
	if p.snap.Remark != "" {
		lines = append(lines, p.wrap(p.theme.Icons.Warning+" "+widget.Clean(p.snap.Remark), width, theme.Warn)...)
	}
	switch {
	case p.ask.yes != nil:
		lines = append(lines, p.wrap(p.ask.text+" y: yes, other keys: no", width, theme.Warn)...)
	case p.snap.Busy != "":
		lines = append(lines, p.wrap(p.snap.Busy+p.theme.Icons.Ellipsis, width, theme.Busy)...)
	case p.snap.Notice != "":
		lines = append(lines, p.wrap(p.theme.Icons.Warning+" "+widget.Clean(p.snap.Notice), width, theme.Bad)...)
	default:
		lines = append(lines, p.invitation(width)...)
	}
	return lines
}

// check is one check: a sign and a word, and below what was seen.
func (p *Panel) check(c play.CheckState, width int) []string {
	icons := p.theme.Icons
	switch {
	case c.Mode == lessons.Invariant && c.Met:
		return nil
	case c.Met:
		return p.indent(icons.Check+" ", "done: "+c.Name, width, theme.OK)
	case c.Holding:
		left := max(0, c.Until.Sub(p.opts.Clock.Now()))
		text := fmt.Sprintf("wait: %s (%d s more)", c.Name, int((left+time.Second-1)/time.Second))
		return p.indent(icons.Ellipsis+" ", text, width, theme.Busy)
	}
	lines := p.indent(icons.Pending+" ", "to do: "+c.Name, width, theme.Plain)
	if c.Say != "" {
		lines = append(lines, p.indent("  ", widget.Clean(c.Say), width, theme.Muted)...)
	}
	return lines
}

// invitation says in one line what to do next.
func (p *Panel) invitation(width int) []string {
	s := p.snap
	text := ""
	switch {
	case !s.Ready:
		text = "Looking at the cluster" + p.theme.Icons.Ellipsis
	case s.Finished:
		text = "enter: all lessons   r: play again"
	case s.Step < 0:
		text = "enter: begin"
	case p.examining() && s.Step == len(s.Steps)-1:
		text = "enter: hand in the exam"
	case p.examining():
		text = "enter: next task   p: previous task"
	case p.free() && p.met() < len(s.Steps):
		text = "enter: another challenge   h: hint   s: show me"
	case s.StepDone && (s.Step == len(s.Steps)-1 || p.free()):
		text = "enter: finish the lesson"
	case s.StepDone:
		text = "enter: next step"
	case p.openQuestion() >= 0:
		q := s.Questions[p.openQuestion()]
		text = fmt.Sprintf("1-%d: answer question %d of %d", len(q.Question.Options), p.openQuestion()+1, len(s.Questions))
	case s.NextCommand != "":
		return p.invite("t: ", s.NextCommand, width)
	case s.HintOffered:
		text = "Stuck? h: the next hint   s: show me"
	case s.MoreHints > 0:
		text = "h: hint   s: show me"
	}
	if text == "" {
		return nil
	}
	return p.wrap(text, width, theme.Accent)
}

// invite is a key and the command that it types.
func (p *Panel) invite(key, command string, width int) []string {
	var lines []string
	for _, line := range atSpaces(command, max(1, width-len(key))) {
		lines = append(lines, p.theme.Tone(theme.Accent).Render(key+line))
		key = strings.Repeat(" ", len(key))
	}
	return lines
}

// wrap is text of one tone, in lines.
func (p *Panel) wrap(text string, width int, tone theme.Tone) []string {
	return p.indent("", text, width, tone)
}

// indent is wrap with a first sign under which the other lines are indented.
func (p *Panel) indent(sign, text string, width int, tone theme.Tone) []string {
	pad := len([]rune(sign))
	var lines []string
	for i, line := range widget.Lines(text, max(1, width-pad)) {
		if i > 0 {
			sign = strings.Repeat(" ", pad)
		}
		lines = append(lines, p.theme.Tone(tone).Render(sign+line))
	}
	return lines
}
