package lesson

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/lessons"
	"kubarium/ui/keys"
	"kubarium/ui/theme"
)

// first names the lessons that should be played before this one: they teach what
// it needs, and are not finished. Nobody is kept from playing it all the same.
func (p *Panel) first(l *lessons.Lesson) []string {
	var titles []string
	for _, need := range l.Needs {
		teacher := p.opts.Course.TaughtBy(need)
		if teacher == nil || !p.opts.Progress.Lesson(teacher.ID).Finished.IsZero() || slices.Contains(titles, teacher.Title) {
			continue
		}
		titles = append(titles, teacher.Title)
	}
	return titles
}

// unlocks names the lessons that need what this one teaches.
func (p *Panel) unlocks(l *lessons.Lesson) []string {
	var titles []string
	for _, other := range p.opts.Course.Lessons() {
		needs := func(concept string) bool { return slices.Contains(other.Needs, concept) }
		if slices.ContainsFunc(l.Teaches, needs) {
			titles = append(titles, other.Title)
		}
	}
	return titles
}

// paths are the lines of the map about what comes before and after.
func (p *Panel) paths(l *lessons.Lesson, width int) []string {
	var lines []string
	if first := p.first(l); len(first) > 0 {
		lines = append(lines, p.wrap("Better first: "+short(first), width, theme.Warn)...)
	}
	if next := p.unlocks(l); len(next) > 0 {
		lines = append(lines, p.wrap("Leads to: "+short(next), width, theme.Muted)...)
	}
	return lines
}

func short(titles []string) string {
	const most = 3
	if len(titles) <= most {
		return strings.Join(titles, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(titles[:most], "; "), len(titles)-most)
}

// glossaryKeys are the keys of the glossary.
func (p *Panel) glossaryKeys() keys.Set {
	return keys.Set{
		{Keys: []string{"b", "esc", "enter"}, Label: "esc", Desc: "back", Bar: true, Run: func() tea.Cmd { p.page = p.behind; p.scroll.top(); return nil }},
		{Keys: []string{"up", "k"}, Label: "↑↓", Desc: "scroll", Bar: true, Run: func() tea.Cmd { p.scroll.by(-1); return nil }},
		{Keys: []string{"down", "j"}, Label: "↓", Desc: "scroll down", Run: func() tea.Cmd { p.scroll.by(1); return nil }},
		{Keys: []string{"pgup"}, Desc: "page up", Run: func() tea.Cmd { p.scroll.page(-1); return nil }},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: func() tea.Cmd { p.scroll.page(1); return nil }},
	}
}

// words opens the glossary.
func (p *Panel) words() tea.Cmd {
	p.behind, p.page = p.page, pageGlossary
	p.scroll.top()
	return nil
}

// glossary is every word, and what it means.
func (p *Panel) glossary(width, height int) []string {
	var text body
	for _, t := range p.opts.Course.Look("") {
		text.add(p.theme.Bold.Render(t.Term))
		text.add(p.indent("  ", t.Means, width, theme.Plain)...)
		if l := p.opts.Course.TaughtBy(t.Concept); l != nil {
			text.add(p.indent("  ", "Lesson: "+l.Title, width, theme.Muted)...)
		}
		text.add("")
	}
	if len(text.lines) == 0 {
		text.add("This course has no glossary.")
	}
	return p.scroll.fit(text, height)
}
