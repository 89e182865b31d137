package lesson

import (
	"fmt"
	"slices"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// quiz draws the questions up to the open one: the next comes when this one
// is answered.
func (p *Panel) quiz(b *body, width int) {
	open := p.openQuestion()
	for i, q := range p.snap.Questions {
		if open >= 0 && i > open {
			return
		}
		if i == p.answered {
			b.mark(markAnswer)
		}
		b.add("")
		for _, line := range widget.Lines(fmt.Sprintf("Question %d. %s", i+1, q.Question.Ask), width) {
			b.add(p.theme.Bold.Render(line))
		}
		p.options(b, i, width)
	}
}

// options draws the answers; those tried explain themselves.
func (p *Panel) options(b *body, question, width int) {
	q := p.snap.Questions[question]
	for o, option := range q.Question.Options {
		number := fmt.Sprintf("%d  ", o+1)
		if !slices.Contains(q.Tried, o) {
			if q.Right {
				b.add(p.indent("  "+number, option.Text, width, theme.Faint)...)
			} else {
				b.link(p.answers(question, o), p.indent("  "+number, option.Text, width, theme.Plain)...)
			}
			continue
		}
		sign, tone := p.theme.Icons.Failing+" ", theme.Bad
		if option.Right {
			sign, tone = p.theme.Icons.Check+" ", theme.OK
		}
		b.add(p.indent(sign+number, option.Text, width, tone)...)
		b.add(p.indent("     ", option.Why, width, theme.Muted)...)
	}
}
