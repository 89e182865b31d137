package lessons

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Term is a word of the glossary: a concept that some lesson teaches.
type Term struct {
	// Concept is the name by which lessons say that they teach and need it.
	Concept string `yaml:"concept"`
	// Term is how the word is written in a text.
	Term string `yaml:"term"`
	// Words are other forms that mean the same, such as the plural.
	Words []string `yaml:"words"`
	// Means explains it in a sentence or two.
	Means string `yaml:"means"`

	line int
}

func (t *Term) setLine(n int) { t.line = n }

// Topic is one thing that the course must show.
type Topic struct {
	ID   string `yaml:"id"`
	Text string `yaml:"text"`

	line int
}

func (t *Topic) setLine(n int) { t.line = n }

// Area is a group of topics.
type Area struct {
	Title  string  `yaml:"title"`
	Topics []Topic `yaml:"topics"`
}

// optional reads a file beside course.yaml that may be missing.
func optional(files fs.FS, name, kind string, into any, all *Problems) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return
	}
	report := &reporter{file: name}
	decode(block{kind: kind, text: string(content), line: 1}, into, report)
	*all = append(*all, report.problems...)
}

// Look returns the terms of the glossary that fit a word, or all for "".
func (c *Course) Look(word string) []Term {
	var found []Term
	for _, t := range c.Glossary {
		forms := append([]string{t.Concept, t.Term}, t.Words...)
		fits := func(form string) bool { return strings.EqualFold(form, word) }
		if word == "" || slices.ContainsFunc(forms, fits) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b Term) int { return strings.Compare(strings.ToLower(a.Term), strings.ToLower(b.Term)) })
	return found
}

// TaughtBy returns the lesson that teaches a concept, or nil.
func (c *Course) TaughtBy(concept string) *Lesson {
	for _, l := range c.Lessons() {
		if slices.Contains(l.Teaches, concept) {
			return l
		}
	}
	return nil
}

// lintWords refuses lessons that use a word of the glossary before any lesson
// has explained it, and concepts that the glossary does not explain.
func lintWords(course *Course) Problems {
	if len(course.Glossary) == 0 {
		return nil
	}
	patterns := map[string]*regexp.Regexp{}
	report := &reporter{file: "glossary.yaml"}
	for _, t := range course.Glossary {
		if _, double := patterns[t.Concept]; double {
			report.add(t.line, "the concept %q stands twice", t.Concept)
		}
		if t.Means == "" || t.Term == "" {
			report.add(t.line, "a term needs concept, term and means")
		}
		patterns[t.Concept] = wordPattern(t)
		if course.TaughtBy(t.Concept) == nil {
			report.add(t.line, "no lesson teaches %q", t.Concept)
		}
	}
	problems := report.problems
	taught := map[string]bool{}
	for _, l := range course.Lessons() {
		for _, concept := range l.Teaches {
			taught[concept] = true
		}
		problems = append(problems, l.untaught(course.Glossary, patterns, taught)...)
	}
	return problems
}

func wordPattern(t Term) *regexp.Regexp {
	forms := append([]string{t.Term}, t.Words...)
	for i, f := range forms {
		forms[i] = regexp.QuoteMeta(f)
	}
	// Kinds are written with a capital: a job is not a Job.
	fold := "(?i)"
	if strings.ToLower(t.Term) != t.Term {
		fold = ""
	}
	return regexp.MustCompile(fold + `(^|[^\w-])(` + strings.Join(forms, "|") + `)($|[^\w-])`)
}

func (l *Lesson) untaught(glossary []Term, patterns map[string]*regexp.Regexp, taught map[string]bool) Problems {
	report := &reporter{file: l.file}
	for _, concept := range l.Teaches {
		if patterns[concept] == nil {
			report.add(l.line, "the lesson teaches %q, which the glossary does not explain", concept)
		}
	}
	for _, t := range glossary {
		if taught[t.Concept] {
			continue
		}
		for _, prose := range l.prose() {
			if m := patterns[t.Concept].FindStringSubmatch(prose.text); m != nil {
				report.add(prose.line, "%q is used before a lesson has taught %q", m[2], t.Concept)
				break
			}
		}
	}
	return report.problems
}

type proseOf struct {
	text string
	line int
}

// prose is what the learner reads, without code and expressions.
func (l *Lesson) prose() []proseOf {
	code := regexp.MustCompile("(?s)```.*?```|`[^`]*`|{{.*?}}|kubectl [^.,;]*")
	all := []proseOf{{l.Title + "\n" + l.Summary + "\n" + l.Intro, l.line}}
	for _, s := range l.Steps {
		text := []string{s.Title, s.Text, s.After}
		for _, q := range s.Quiz {
			text = append(text, q.Ask)
			for _, o := range q.Options {
				text = append(text, o.Text, o.Why)
			}
		}
		for _, c := range s.Checks {
			text = append(text, c.Name)
			for _, say := range c.Saw {
				text = append(text, say.Say.Source)
			}
		}
		for _, h := range s.Hints {
			text = append(text, h.Say.Source)
		}
		all = append(all, proseOf{strings.Join(text, "\n"), s.line})
	}
	for i := range all {
		all[i].text = code.ReplaceAllString(all[i].text, " ")
	}
	return all
}

// lintTopics checks that lessons cover what there is to cover.
func lintTopics(course *Course) Problems {
	known := map[string]bool{}
	report := &reporter{file: "coverage.yaml"}
	for _, area := range course.Areas {
		for _, t := range area.Topics {
			if known[t.ID] || t.ID == "" || t.Text == "" {
				report.add(t.line, "a topic needs an id of its own, and a text")
			}
			known[t.ID] = true
		}
	}
	problems := report.problems
	for _, l := range course.Lessons() {
		of := &reporter{file: l.file}
		for _, id := range l.Covers {
			if len(known) > 0 && !known[id] {
				of.add(l.line, "covers %q, which coverage.yaml does not list", id)
			}
		}
		problems = append(problems, of.problems...)
	}
	return problems
}

// Coverage writes which lessons show which topics, as Markdown.
func (c *Course) Coverage() string {
	by := map[string][]string{}
	for _, l := range c.Lessons() {
		for _, id := range l.Covers {
			by[id] = append(by[id], l.ID)
		}
	}
	var b strings.Builder
	shown, total := 0, 0
	var tables strings.Builder
	for _, area := range c.Areas {
		fmt.Fprintf(&tables, "\n## %s\n\n| topic | lessons |\n| --- | --- |\n", area.Title)
		for _, t := range area.Topics {
			total++
			ids := "not yet"
			if len(by[t.ID]) > 0 {
				shown++
				ids = strings.Join(by[t.ID], ", ")
			}
			fmt.Fprintf(&tables, "| %s | %s |\n", t.Text, ids)
		}
	}
	fmt.Fprintf(&b, "# What the course covers\n\nWritten by `go test ./lessons/course -update`; the topics are in lessons/course/coverage.yaml. %d of %d topics\nare shown by a lesson, each of which `kubarium lesson test` proves on a live cluster.\n", shown, total)
	return b.String() + tables.String()
}
