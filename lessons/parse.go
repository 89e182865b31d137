package lessons

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Parse reads one lesson. files are the manifests beside it. Its error is of
// type Problems and names every mistake that it found.
// Where a lesson has variables, it has the first value of each; see With.
func Parse(file string, text []byte, files map[string][]byte) (*Lesson, error) {
	return parse(file, string(text), files, nil)
}

func parse(file, text string, files map[string][]byte, choice Choice) (*Lesson, error) {
	p := &parser{
		report: &reporter{file: file},
		lesson: &Lesson{file: file, Files: files, text: text, raw: files},
		known:  builtIn(),
	}
	variables := p.variables(text)
	if len(p.report.problems) > 0 {
		return nil, p.report.problems // the rest would be misunderstood
	}
	text = p.fillAll(text, variables, choice)
	if err := p.parse(text); err != nil {
		return nil, err
	}
	if len(p.report.problems) > 0 {
		slices.SortStableFunc(p.report.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, p.report.problems
	}
	p.lesson.Variables, p.lesson.Choice = variables, choice
	return p.lesson, nil
}

type parser struct {
	report *reporter
	lesson *Lesson
	known  *resources
}

func (p *parser) parse(text string) error {
	src := scan(text, p.report)
	if len(p.report.problems) > 0 && src.front.text == "" {
		return p.report.problems
	}
	if before := len(p.report.problems); !decode(src.front, p.lesson, p.report) && p.lesson.line == 0 {
		// It is no YAML at all: what follows would be misunderstood.
		return p.report.problems[before:]
	}
	p.lesson.Intro = p.intro(src)
	for _, sec := range src.sections {
		p.step(sec)
	}
	p.required()
	return p.expressions()
}

// intro returns the introduction without the repeated title.
func (p *parser) intro(src source) string {
	var prose []string
	for _, part := range src.intro.parts {
		if part.data != nil {
			p.report.add(part.data.line-1, "a %q block must stand under a step's heading (## ...)", part.data.kind)
		}
		for _, shown := range part.shown {
			p.manifest(shown)
		}
		prose = append(prose, part.prose)
	}
	intro := strings.TrimSpace(strings.Join(prose, "\n\n"))
	title, rest, _ := strings.Cut(intro, "\n")
	if !strings.HasPrefix(title, "# ") {
		return intro
	}
	if got := strings.TrimSpace(strings.TrimPrefix(title, "# ")); got != p.lesson.Title {
		p.report.add(0, "the heading %q differs from the title %q in the front matter", got, p.lesson.Title)
	}
	return strings.TrimSpace(rest)
}

// step turns a section into a step.
func (p *parser) step(sec section) {
	step := Step{Title: sec.title}
	found := false
	var before, after []string
	for _, part := range sec.parts {
		switch {
		case part.data == nil && !found:
			before = append(before, part.prose)
			step.Commands = append(step.Commands, part.commands...)
		case part.data == nil:
			after = append(after, part.prose)
		case part.data.kind == "yaml quiz":
			var questions []Question
			decode(*part.data, &questions, p.report)
			step.Quiz = append(step.Quiz, questions...)
		case found:
			p.report.add(part.data.line-1, "the step %q has a second \"yaml step\" block", sec.title)
		default:
			found = true
			decode(*part.data, &step, p.report)
		}
		for _, shown := range part.shown {
			p.manifest(shown)
		}
	}
	step.Text, step.After = strings.Join(before, "\n\n"), strings.Join(after, "\n\n")
	if !found {
		p.report.add(sec.line, "the step %q has no \"yaml step\" block", sec.title)
	}
	if step.line == 0 {
		step.line = sec.line
	}
	p.lesson.Steps = append(p.lesson.Steps, step)
}

// manifest holds what the prose shows against the file beside the lesson.
func (p *parser) manifest(b block) {
	name := strings.TrimPrefix(b.kind, "yaml ")
	content, ok := p.lesson.Files[name]
	switch {
	case !ok:
		p.report.add(b.line-1, "the prose shows %s, but there is no such file beside the lesson", name)
	case strings.TrimSpace(string(content)) != strings.TrimSpace(b.text):
		p.report.add(b.line-1, "the prose shows %s differently from the file beside the lesson", name)
	}
}

// required checks what YAML alone does not.
func (p *parser) required() {
	l := p.lesson
	id := regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	if !id.MatchString(l.ID) {
		p.report.add(l.line, "the lesson needs an id of small letters, digits, dots and dashes, such as first-pod")
	}
	if l.Title == "" {
		p.report.add(l.line, "the lesson needs a title")
	}
	if l.Minutes <= 0 {
		p.report.add(l.line, "the lesson needs minutes: how long it takes a beginner")
	}
	if len(l.Steps) == 0 {
		p.report.add(l.line, "the lesson has no step; a step is a heading (## ...) with a \"yaml step\" block")
	}
	if l.Kind == "" {
		l.Kind = Guided
	}
	if !slices.Contains([]Kind{Guided, Puzzle, Exam, Sandbox}, l.Kind) {
		p.report.add(l.line, "kind %q is none of lesson, puzzle, exam, sandbox", l.Kind)
	}
	p.exam()
	p.wants()
	if l.Namespace != "" && !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$`).MatchString(l.Namespace) {
		p.report.add(l.line, "namespace %q: a namespace has small letters, digits and dashes", l.Namespace)
	}
	if slices.Contains([]string{"default", "kube-system", "kube-public", "kube-node-lease"}, l.Namespace) {
		p.report.add(l.line, "namespace %q belongs to the cluster; a lesson's namespace is deleted at its end", l.Namespace)
	}
	p.probes()
	p.actions(l.Setup)
	p.actions(l.Cleanup)
	seen := map[string]bool{}
	for i := range l.Steps {
		s := &l.Steps[i]
		if !id.MatchString(s.ID) {
			p.report.add(s.line, "the step %q needs an id of small letters, digits, dots and dashes", s.Title)
		} else if seen[s.ID] {
			p.report.add(s.line, "a step with the id %q stands above already", s.ID)
		}
		seen[s.ID] = true
		p.stepParts(s)
	}
}

// exam checks what only an exam has.
func (p *parser) exam() {
	l := p.lesson
	exam := l.Kind == Exam
	if exam && (l.Limit <= 0 || l.Pass <= 0 || l.Pass > l.Points()) {
		p.report.add(l.line, "an exam needs limit, how long it may take, and pass, how many of its %d points are enough", l.Points())
	}
	if !exam && (l.Limit != 0 || l.Pass != 0) {
		p.report.add(l.line, "limit and pass are for exams only")
	}
	for _, s := range l.Steps {
		switch {
		case exam && (s.Points <= 0 || s.Domain == "" || len(s.Checks) == 0 || len(s.Quiz) > 0):
			p.report.add(s.line, "the task %q of an exam needs points, a domain and checks, and has no questions", s.Title)
		case !exam && (s.Points != 0 || s.Domain != ""):
			p.report.add(s.line, "the step %q: points and domain are for exams only", s.Title)
		}
	}
}

func (p *parser) stepParts(s *Step) {
	for i := range s.Checks {
		p.check(&s.Checks[i])
	}
	for _, h := range s.Hints {
		if h.Say.IsZero() {
			p.report.add(h.line, "a hint needs a sentence (say)")
		}
		if h.After < 0 {
			p.report.add(h.line, "after: a number of commands")
		}
	}
	for i := range s.Quiz {
		p.question(&s.Quiz[i])
		s.Quiz[i].turn(fmt.Sprint(p.lesson.ID, " ", s.ID, " ", i))
	}
	p.marks(s)
	p.actions(s.Start)
	if len(s.Checks) > 0 && len(s.Solution()) == 0 {
		p.report.add(s.line, "the step %q has checks but no solution: an sh block before the step block, or solve", s.Title)
	}
	for _, line := range s.Solution() {
		_, isKubectl := KubectlArgs(line)
		_, isFault := FaultOf(line)
		_, isTool := ToolOf(line)
		if !isKubectl && !isFault && !isTool {
			p.report.add(s.line, "%q is neither a plain kubectl command nor one of Kubarium's that lessons may use; a solution has no pipes, variables or other programs", line)
		}
	}
}

func (p *parser) check(c *Check) {
	if c.Mode == "" {
		c.Mode = Level
	}
	switch {
	case c.Name == "":
		p.report.add(c.line, "a check needs a name: what is true when it is met")
	case c.Expr.IsZero():
		p.report.add(c.line, "the check %q needs an expr", c.Name)
	case c.Mode != Level && c.Mode != Edge && c.Mode != Invariant:
		p.report.add(c.line, "mode %q is none of level, edge, invariant", c.Mode)
	case c.Mode == Level && strings.Contains(c.Expr.Source, "looked("):
		p.report.add(c.line, "the check %q asks what was looked at: that happens once; say mode: edge", c.Name)
	case c.For > 0 && c.Mode != Level:
		p.report.add(c.line, "the check %q has \"for\", which only a level check can have", c.Name)
	case len(c.Saw) == 0 || !c.Saw[len(c.Saw)-1].When.IsZero():
		p.report.add(c.line, "the check %q must end its saw list with a sentence without when: what it says when nothing else fits", c.Name)
	}
	for _, s := range c.Saw {
		if s.Say.IsZero() {
			p.report.add(s.line, "an entry of saw needs a sentence (say)")
		}
	}
}

func (p *parser) question(q *Question) {
	right := 0
	for _, o := range q.Options {
		if o.Right {
			right++
		}
		if o.Text == "" || o.Why == "" {
			p.report.add(o.line, "an option needs text and why, which explains it")
		}
	}
	if q.Ask == "" {
		p.report.add(q.line, "a question needs ask")
	}
	if len(q.Options) < 2 || right != 1 {
		p.report.add(q.line, "a question needs at least two options, of which exactly one is right")
	}
}

// turn moves the options round, as its place in the course says: authors write the right one
// first, and who always answers so would be right. It is the same each time, as progress
// remembers answers by their number.
func (q *Question) turn(place string) {
	if len(q.Options) == 0 {
		return
	}
	sum := fnv.New32a()
	// A sum takes all that is written to it.
	_, _ = sum.Write([]byte(place))
	by := int(sum.Sum32()>>8) % len(q.Options)
	q.Options = append(slices.Clone(q.Options[by:]), q.Options[:by]...)
}

func (p *parser) actions(actions []Action) {
	for _, a := range actions {
		set := 0
		for _, is := range []bool{a.Apply != "", a.Delete != nil, a.Kubectl != "", a.Kubarium != "", a.Node != nil, a.Component != nil, !a.Wait.IsZero()} {
			if is {
				set++
			}
		}
		if set != 1 {
			p.report.add(a.line, "an action does exactly one thing: apply, delete, kubectl, kubarium, node, component or wait")
			continue
		}
		if a.Apply != "" {
			if _, err := p.lesson.Objects(a.Apply); err != nil {
				p.report.add(a.line, "apply: %v", err)
			}
		}
		if a.Delete != nil {
			p.ref(a.Delete)
		}
		p.fault(a.Node, "start", "stop", "kill")
		p.fault(a.Component, "start", "stop")
		if _, ok := ToolOf("kubarium " + a.Kubarium); a.Kubarium != "" && !ok {
			p.report.add(a.line, "kubarium: %q is not a command that lessons may use (without the word kubarium)", a.Kubarium)
		}
		if a.Kubectl != "" {
			if _, ok := KubectlArgs("kubectl " + a.Kubectl); !ok {
				p.report.add(a.line, "kubectl: %q is not a plain kubectl command line (without the word kubectl)", a.Kubectl)
			}
		}
	}
}

func (p *parser) fault(f *Fault, verbs ...string) {
	if f == nil {
		return
	}
	if f.Name == "" || !slices.Contains(verbs, f.Do) {
		p.report.add(f.line, "a node or component needs a name, and do: one of %s", strings.Join(verbs, ", "))
	}
}

// probes checks what programs the lesson looks with.
func (p *parser) probes() {
	seen := map[string]bool{}
	for _, probe := range p.lesson.Probes {
		switch {
		case probe.Name == "" || (probe.Pod == "") == (probe.Etcd == ""):
			p.report.add(probe.line, "a probe needs a name, and the pod in which it looks or the key of etcd")
		case probe.ways() != 1:
			p.report.add(probe.line, "the probe %q needs one of run, logs: true, processes: true and etcd", probe.Name)
		case probe.Etcd != "" && !strings.HasPrefix(probe.Etcd, "/registry/"):
			p.report.add(probe.line, "the probe %q: keys of Kubernetes begin with /registry/", probe.Name)
		case seen[probe.Name]:
			p.report.add(probe.line, "a probe %q stands above already", probe.Name)
		}
		seen[probe.Name] = true
	}
}

func (p *parser) ref(r *Ref) {
	if r.Name == "" {
		p.report.add(r.line, "delete needs the name of the object")
	}
	res, err := p.known.find(r.Resource)
	if err != nil {
		p.report.add(r.line, "delete: %v", err)
		return
	}
	if res.Namespaced && r.Namespace == "" {
		r.Namespace = p.lesson.Space()
	}
}

// Objects reads the objects of one of the lesson's manifests.
func (l *Lesson) Objects(name string) ([]*unstructured.Unstructured, error) {
	content, ok := l.Files[name]
	if !ok {
		return nil, fmt.Errorf("there is no file %s beside the lesson", name)
	}
	known := builtIn()
	var all []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if object.GetAPIVersion() == "" || object.GetKind() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("%s: an object needs apiVersion, kind and metadata.name", name)
		}
		if known.forKind(object.GroupVersionKind()).Namespaced && object.GetNamespace() == "" {
			object.SetNamespace(l.Space())
		}
		all = append(all, object)
	}
}
