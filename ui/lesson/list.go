package lesson

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/lessons"
	"kubarium/lessons/play"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// list is the map of the course: chapters, lessons, and how each stands.
func (p *Panel) list(width, height int) []string {
	var text body
	text.add(p.wrap(p.opts.Course.Title, width, theme.Muted)...)
	n, at := 0, 0
	for _, chapter := range p.opts.Course.Chapters {
		text.add("", p.theme.HeadingBold.Render(widget.Fit(chapter.Title, width, p.theme.Icons.Ellipsis)))
		for _, l := range chapter.Lessons {
			if n == p.cursor {
				at = len(text.lines)
			}
			text.link(p.picks(n), p.row(l, n == p.cursor, width))
			n++
		}
	}
	detail := p.detail(width)
	room := max(1, height-len(detail))
	first := max(0, min(at-room/2, len(text.lines)-room))
	lines := text.lines[first:min(len(text.lines), first+room)]
	p.clicks.seen(text.clicks, first, room, 0)
	for len(lines) < room {
		lines = append(lines, "")
	}
	return append(append([]string(nil), lines...), detail...)
}

// picks is a click on a lesson: it is chosen, and opened if it was already.
func (p *Panel) picks(n int) func() tea.Cmd {
	return func() tea.Cmd {
		if n == p.cursor {
			return p.choose()
		}
		p.cursor = n
		return nil
	}
}

// row is one lesson: sign, title, state in a word.
func (p *Panel) row(l *lessons.Lesson, selected bool, width int) string {
	icons := p.theme.Icons
	record := p.opts.Progress.Lesson(l.ID)
	sign, word := icons.Pending, fmt.Sprintf("%d min", l.Minutes)
	switch {
	case !record.Finished.IsZero():
		sign, word = icons.Check, "done"
	case record.Step != "":
		sign, word = icons.NotReady, "step "+p.stepNumber(l, record.Step)
	}
	line := widget.Spread(" "+sign+" "+l.Title, " "+word+" ", width, icons.Ellipsis)
	if !selected {
		return p.theme.Text.Render(line)
	}
	if p.focused {
		return p.theme.Selected.Render(line)
	}
	return p.theme.SelectedUnder.Render(line)
}

func (p *Panel) stepNumber(l *lessons.Lesson, id string) string {
	for i, s := range l.Steps {
		if s.ID == id {
			return fmt.Sprintf("%d of %d", i+1, len(l.Steps))
		}
	}
	return "?"
}

// result tells how a lesson went that is finished.
func result(l *lessons.Lesson, record *play.Record) string {
	text := "Finished on " + record.Finished.Local().Format(time.DateOnly)
	if record.Spent > 0 {
		text += " in " + minutes(record.Spent)
	}
	if l.Kind == lessons.Exam {
		return text + fmt.Sprintf(", with %d of %d points; %d are needed.", record.Points(l), l.Points(), l.Pass)
	}
	if right, asked := record.Score(l); asked > 0 {
		text += fmt.Sprintf("; %d of %d questions right at the first try", right, asked)
	}
	return text + "."
}

// detail tells about the chosen lesson.
func (p *Panel) detail(width int) []string {
	all := p.opts.Course.Lessons()
	if p.cursor >= len(all) {
		return nil
	}
	l := all[p.cursor]
	lines := []string{p.theme.Border.Render(widget.Fit("", width, ""))}
	lines = append(lines, p.wrap(l.Summary, width, theme.Plain)...)
	lines = append(lines, p.paths(l, width)...)
	word := "enter: begin"
	record := p.opts.Progress.Lesson(l.ID)
	if !record.Finished.IsZero() {
		lines = append(lines, p.wrap(result(l, &record), width, theme.OK)...)
	}
	switch {
	case !record.Finished.IsZero():
		word = "enter: open again"
	case record.Step != "":
		word = "enter: go on at step " + p.stepNumber(l, record.Step)
	}
	return append(lines, p.wrap(word, width, theme.Accent)...)
}
