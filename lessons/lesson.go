// Package lessons holds what a lesson is: the types, the strict parser of the
// Markdown files, and the CEL expressions that look at the live cluster.
//
// It plays nothing and shows nothing: package play does the first, the ui the
// second. FORMAT.md beside this file is the author's manual.
package lessons

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Course is a set of lessons in the order in which they are meant to be taken.
type Course struct {
	Title    string
	Chapters []Chapter
	// Glossary explains every concept that a lesson teaches.
	Glossary []Term
	// Areas are the topics that the course must show.
	Areas []Area
}

// Chapter groups lessons under a title.
type Chapter struct {
	Title   string
	Lessons []*Lesson
}

// Lessons returns all lessons in order.
func (c *Course) Lessons() []*Lesson {
	var all []*Lesson
	for _, chapter := range c.Chapters {
		all = append(all, chapter.Lessons...)
	}
	return all
}

// Find returns the lesson with the id, or nil.
func (c *Course) Find(id string) *Lesson {
	for _, l := range c.Lessons() {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// Lesson is one lesson: front matter, an introduction and steps.
type Lesson struct {
	ID      string   `yaml:"id"`
	Title   string   `yaml:"title"`
	Summary string   `yaml:"summary"`
	Minutes int      `yaml:"minutes"`
	Teaches []string `yaml:"teaches"`
	Needs   []string `yaml:"needs"`
	// Covers are the topics of coverage.yaml that the learner sees happen.
	Covers []string `yaml:"covers"`
	// Kind is lesson, puzzle or exam; a puzzle has a fault and no steps to follow, the
	// steps of an exam are tasks with points, in any order and without help.
	Kind Kind `yaml:"kind"`
	// Namespace is made for the lesson, is where its commands work, and is
	// deleted with all that is in it. Without one, the lesson works in default.
	Namespace string `yaml:"namespace"`
	// Alone lessons change what all others depend on, such as nodes: a test
	// plays them one at a time.
	Alone bool `yaml:"alone"`
	// Cluster is what the cluster has to be before it begins, and Base the lesson with
	// whose end it begins, if that says one.
	Cluster Wants   `yaml:"cluster"`
	Base    *Lesson `yaml:"-"`
	// Panes are opened in the app when the lesson begins.
	Panes []string `yaml:"panes"`
	// Limit is how long an exam may take, and Pass how many points it needs.
	Limit time.Duration `yaml:"limit"`
	Pass  int           `yaml:"pass"`
	// Variables are what differs between attempts. The lesson is what it is with one
	// value of each: With makes it anew with others.
	Variables []Variable `yaml:"variables"`
	// Choice is what With was given; nil for a lesson as it was loaded.
	Choice Choice `yaml:"-"`

	Probes  []Probe  `yaml:"probes"`
	Docs    []Doc    `yaml:"docs"`
	Let     []Let    `yaml:"let"`
	Setup   []Action `yaml:"setup"`
	Cleanup []Action `yaml:"cleanup"`

	// Intro is the prose before the first step.
	Intro string `yaml:"-"`
	Steps []Step `yaml:"-"`
	// Files are the manifests beside the lesson, by file name. They are
	// placed in the directory in which the learner works.
	Files map[string][]byte `yaml:"-"`

	file string
	line int
	// text and raw are the lesson and its files as they were written, with variables.
	text string
	raw  map[string][]byte
}

// Kind says what sort of lesson it is.
type Kind string

const (
	// Guided lessons say what to do.
	Guided Kind = "lesson"
	// Puzzle lessons have something broken, and a goal.
	Puzzle Kind = "puzzle"
	// Exam lessons have tasks with points, and a limit of time.
	Exam Kind = "exam"
	// Sandbox is free play: its steps are challenges, which notice when they are met.
	Sandbox Kind = "sandbox"
)

// Points is what all tasks of an exam are worth.
func (l *Lesson) Points() int {
	points := 0
	for _, s := range l.Steps {
		points += s.Points
	}
	return points
}

// Space is the namespace in which the lesson works.
func (l *Lesson) Space() string {
	if l.Namespace == "" {
		return "default"
	}
	return l.Namespace
}

// Text is the lesson and its files as they were written: what makes it this lesson.
func (l *Lesson) Text() string {
	text := l.text
	var names []string
	for name := range l.raw {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text += "\x00" + name + "\x00" + string(l.raw[name])
	}
	return text
}

// Probe looks, again and again, at what no watch shows. While a step speaks of
// it, probe("NAME") is its newest answer.
type Probe struct {
	Name string `yaml:"name"`
	// Pod is the pod of the lesson's namespace in which Run is run, or whose
	// logs or processes are read.
	Pod string `yaml:"pod"`
	// Run is a program with its arguments; there is no shell unless it is one.
	Run []string `yaml:"run"`
	// Logs reads the end of what the pod printed.
	Logs bool `yaml:"logs"`
	// Processes lists what runs in the pod's containers, as the kernel knows it.
	Processes bool `yaml:"processes"`
	// Etcd is a key of etcd, whose value is read byte by byte.
	Etcd string `yaml:"etcd"`

	line int
}

// ways counts in how many ways the probe is to look.
func (p *Probe) ways() int {
	n := 0
	for _, way := range []bool{len(p.Run) > 0, p.Logs, p.Processes, p.Etcd != ""} {
		if way {
			n++
		}
	}
	return n
}

// Doc names a page of the upstream documentation.
type Doc struct {
	Title string `yaml:"title"`
	URL   string `yaml:"url"`
}

// Let gives an expression a name that all expressions of the lesson can use.
type Let struct {
	Name string
	Expr Expr
}

// Step is one section of a lesson: something to do, and how to see that it
// is done.
type Step struct {
	ID     string   `yaml:"id"`
	Checks []Check  `yaml:"checks"`
	Hints  []Hint   `yaml:"hints"`
	Start  []Action `yaml:"start"`
	Solve  []string `yaml:"solve"`
	// Points and Domain are a task's worth in an exam, and the part of the exam that it
	// belongs to.
	Points int    `yaml:"points"`
	Domain string `yaml:"domain"`
	// Look names parts of the app's map, which are marked; see Regions.
	Look []string `yaml:"look"`
	// Keys are keys of the app of which the step speaks: they are marked.
	Keys []string `yaml:"keys"`
	// Fails says that commands of the solution may end with an error: seeing
	// the error is the point.
	Fails bool `yaml:"fails"`

	Title string `yaml:"-"`
	// Text is the prose before the step block: what to do.
	Text string `yaml:"-"`
	// After is the prose behind it, shown when the step is done: what happened.
	After string `yaml:"-"`
	// Commands are the lines of the sh blocks in Text, for the learner to type.
	Commands []string   `yaml:"-"`
	Quiz     []Question `yaml:"-"`

	line int
}

// Solution is what Show me, Skip and the tests type.
func (s *Step) Solution() []string {
	if len(s.Solve) > 0 {
		return s.Solve
	}
	return s.Commands
}

// Mode says when a check counts as met.
type Mode string

const (
	// Level checks must hold at this moment; they can be lost again.
	Level Mode = "level"
	// Edge checks must have held once.
	Edge Mode = "edge"
	// Invariant checks must hold the whole time; they are shown when violated.
	Invariant Mode = "invariant"
)

// Check is one condition of a step.
type Check struct {
	Name string `yaml:"name"`
	Mode Mode   `yaml:"mode"`
	Expr Expr   `yaml:"expr"`
	// Baseline must have held since the step began before Expr counts, so
	// that "it is gone" is not met by what never existed.
	Baseline Expr `yaml:"baseline"`
	// For is how long a level check must hold without a break.
	For time.Duration `yaml:"for"`
	// Within is how long it normally takes. Later, the check says so.
	Within time.Duration `yaml:"within"`
	// Saw are the sentences for a check that does not hold; the first whose
	// When holds is said.
	Saw []Say `yaml:"saw"`

	line int
}

// Hint is help that is opened on request, one after the other.
type Hint struct {
	When Expr `yaml:"when"`
	// After is how many commands have to be typed in vain before.
	After int  `yaml:"after"`
	Say   Text `yaml:"say"`

	line int
}

// Say is a sentence with a condition.
type Say struct {
	When Expr `yaml:"when"`
	Say  Text `yaml:"say"`

	line int
}

// Question is a question with several answers, of which one is right.
type Question struct {
	Ask     string   `yaml:"ask"`
	Options []Option `yaml:"options"`

	line int
}

// Right returns the index of the right option.
func (q *Question) Right() int {
	for i, o := range q.Options {
		if o.Right {
			return i
		}
	}
	return -1
}

// Option is one answer. Why explains it, whether right or wrong.
type Option struct {
	Text  string `yaml:"text"`
	Right bool   `yaml:"right"`
	Why   string `yaml:"why"`

	line int
}

// Action is one declarative thing that the player does to the cluster.
// Exactly one of Apply, Delete, Kubectl, Kubarium, Node, Component and Wait is set.
type Action struct {
	// Apply names a manifest of the lesson.
	Apply string `yaml:"apply"`
	// Delete removes an object and waits until it is gone.
	Delete *Ref `yaml:"delete"`
	// Kubectl is a kubectl command line, Kubarium one of Kubarium's own (see ToolOf).
	Kubectl  string `yaml:"kubectl"`
	Kubarium string `yaml:"kubarium"`
	// Node and Component do something to a node or a part of the control plane.
	Node      *Fault `yaml:"node"`
	Component *Fault `yaml:"component"`
	// Wait holds up until the expression is true.
	Wait Expr `yaml:"wait"`
	// Within bounds Wait and Delete; one minute when not given.
	Within time.Duration `yaml:"within"`
	// Try lets Kubectl or Kubarium fail: what it removes may not be there.
	Try bool `yaml:"try"`

	line int
}

// Fault is something done to a part of the cluster from outside of Kubernetes.
type Fault struct {
	Name string `yaml:"name"`
	// Do is start or stop, and for nodes also kill.
	Do string `yaml:"do"`

	line int
}

// Ref names an object in the cluster.
type Ref struct {
	Resource  string `yaml:"resource"`
	Namespace string `yaml:"namespace"`
	Name      string `yaml:"name"`

	line int
}

// Problem is something wrong in a lesson file.
type Problem struct {
	File    string
	Line    int
	Message string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// Problems is a list of problems as one error.
type Problems []Problem

func (ps Problems) Error() string {
	text := ""
	for i, p := range ps {
		if i > 0 {
			text += "\n"
		}
		text += p.Error()
	}
	return text
}

// Looks reports whether an expression of the step asks for the probe, by itself or
// through a name of the lesson's let.
func (l *Lesson) Looks(s *Step, probe string) bool {
	return slices.ContainsFunc(l.probeNames(probe), s.speaks)
}

// AsksProbe reports whether an expression asks for the probe.
func (l *Lesson) AsksProbe(e Expr, probe string) bool {
	return e.has(l.probeNames(probe))
}

// probeNames are the ways to ask for a probe.
func (l *Lesson) probeNames(probe string) []string {
	return l.names(`probe("`+probe+`")`, `probe('`+probe+`')`)
}

// Schedules reports whether the lesson looks at what the scheduler decides.
func (l *Lesson) Schedules() bool { return strings.Contains(l.text, "scheduling(") }

// Asks reports whether an expression asks for any probe, or for packet rules.
func (l *Lesson) Asks(e Expr) bool {
	return e.has(l.names("probe(", "rules("))
}

// names adds to the words the names of let that stand for them. A name that only looks
// alike is taken for one: that starts a probe in vain.
func (l *Lesson) names(words ...string) []string {
	for _, let := range l.Let {
		if let.Expr.has(words) {
			words = append(words, let.Name)
		}
	}
	return words
}

// speaks reports whether an expression of the step contains the text.
func (s *Step) speaks(text string) bool {
	has := func(source string) bool { return strings.Contains(source, text) }
	for _, c := range s.Checks {
		if has(c.Expr.Source) || has(c.Baseline.Source) {
			return true
		}
		for _, say := range c.Saw {
			if has(say.When.Source) || has(say.Say.Source) {
				return true
			}
		}
	}
	for _, h := range s.Hints {
		if has(h.When.Source) || has(h.Say.Source) {
			return true
		}
	}
	return false
}
