package lessons

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"
)

// courseFile is course.yaml: which lessons there are and in which order.
type courseFile struct {
	Title    string        `yaml:"title"`
	Chapters []chapterFile `yaml:"chapters"`
}

type chapterFile struct {
	Title   string   `yaml:"title"`
	Lessons []string `yaml:"lessons"`
}

// Load reads a course: course.yaml, and a folder with lesson.md and manifests
// for each lesson that it lists. Its error is of type Problems.
func Load(files fs.FS) (*Course, error) { return LoadIn(files, "") }

// LoadIn is Load in another language: where there is a translation of a file (lesson.de.md
// beside lesson.md), it is read instead.
func LoadIn(files fs.FS, language string) (*Course, error) {
	course, problems := load(files, language)
	if len(problems) > 0 {
		return nil, problems
	}
	return course, nil
}

// Lint returns everything that is wrong with a course.
func Lint(files fs.FS) []Problem {
	course, problems := load(files, "")
	if len(problems) == 0 {
		problems = append(append(problems, lint(course)...), lintTranslations(files, course)...)
	}
	return problems
}

func load(files fs.FS, language string) (*Course, Problems) {
	name := inLanguage(files, "course.yaml", language)
	report := &reporter{file: name}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		report.add(0, "a course needs a file course.yaml: %v", err)
		return nil, report.problems
	}
	var list courseFile
	if !decode(block{kind: "list of lessons", text: string(content), line: 1}, &list, report) {
		return nil, report.problems
	}
	course := &Course{Title: list.Title}
	read := loadLessons(files, list, language)
	listed := map[string]bool{}
	for _, ch := range list.Chapters {
		chapter := Chapter{Title: ch.Title}
		for _, folder := range ch.Lessons {
			if listed[folder] {
				report.add(0, "the lesson %s is listed twice", folder)
				continue
			}
			listed[folder] = true
			lesson := read[folder]
			if lesson.err != nil {
				report.problems = append(report.problems, problemsOf(folder, lesson.err)...)
				continue
			}
			chapter.Lessons = append(chapter.Lessons, lesson.lesson)
		}
		course.Chapters = append(course.Chapters, chapter)
	}
	unlisted(files, listed, report)
	report.problems = append(report.problems, findBases(course)...)
	optional(files, inLanguage(files, "glossary.yaml", language), "glossary", &course.Glossary, &report.problems)
	optional(files, "coverage.yaml", "list of topics", &course.Areas, &report.problems)
	if len(report.problems) > 0 {
		return nil, report.problems
	}
	return course, nil
}

// loaded is a lesson, or what is wrong with it.
type loaded struct {
	lesson *Lesson
	err    error
}

// loadLessons reads the lessons of a course, by their folders. Who starts the app waits for
// them, so all processors do.
func loadLessons(files fs.FS, list courseFile, language string) map[string]*loaded {
	read := map[string]*loaded{}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, chapter := range list.Chapters {
		for _, folder := range chapter.Lessons {
			if read[folder] != nil {
				continue
			}
			one := &loaded{}
			read[folder] = one
			group.Go(func() error {
				one.lesson, one.err = loadLesson(files, folder, language)
				return nil
			})
		}
	}
	_ = group.Wait() // each lesson has its own error
	return read
}

// maxFile and maxBeside bound what a lesson may have.
const (
	maxFile   = 1 << 20
	maxBeside = 100
)

func loadLesson(files fs.FS, folder, language string) (*Lesson, error) {
	if !fs.ValidPath(folder) || folder == "." {
		return nil, fmt.Errorf("%q is not the name of a folder", folder)
	}
	name := inLanguage(files, path.Join(folder, "lesson.md"), language)
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	beside := map[string][]byte{}
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxBeside {
		return nil, fmt.Errorf("more than %d files beside a lesson", maxBeside)
	}
	for _, e := range entries {
		if ok, _ := path.Match("lesson*.md", e.Name()); ok || e.IsDir() {
			continue
		}
		if info, err := fs.Stat(files, path.Join(folder, e.Name())); err != nil {
			return nil, err
		} else if info.Size() > maxFile || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no file, or larger than %d KiB", e.Name(), maxFile>>10)
		}
		if beside[e.Name()], err = fs.ReadFile(files, path.Join(folder, e.Name())); err != nil {
			return nil, err
		}
	}
	return Parse(name, text, beside)
}

// unlisted finds lessons that course.yaml forgot.
func unlisted(files fs.FS, listed map[string]bool, report *reporter) {
	found, err := fs.Glob(files, "*/lesson.md")
	if err != nil {
		return
	}
	for _, f := range found {
		if folder := path.Dir(f); !listed[folder] {
			report.add(0, "the lesson in %s is not listed", folder)
		}
	}
}

func problemsOf(folder string, err error) Problems {
	if ps := asProblems(err); ps != nil {
		return ps
	}
	message := err.Error()
	if errors.Is(err, fs.ErrNotExist) {
		message = "listed in course.yaml, but there is no lesson.md"
	}
	return Problems{{File: folder, Message: message}}
}

// lint holds the lessons of a course against each other.
func lint(course *Course) Problems {
	var problems Problems
	ids := map[string]string{}
	owners := map[string]string{}
	taught := map[string]bool{}
	spaces := map[string]string{}
	for _, l := range course.Lessons() {
		report := &reporter{file: l.file}
		if other, ok := ids[l.ID]; ok {
			report.add(l.line, "the id %q is taken by %s", l.ID, other)
		}
		ids[l.ID] = l.file
		for _, name := range fileNames(l) {
			if other, ok := owners[name]; ok {
				report.add(0, "the file name %s is taken by %s; learners keep all files in one folder", name, other)
			}
			owners[name] = l.file
		}
		for _, need := range l.Needs {
			if !taught[need] {
				report.add(l.line, "the lesson needs %q, which no lesson before it teaches", need)
			}
		}
		for _, t := range l.Teaches {
			if taught[t] {
				report.add(l.line, "%q was taught by a lesson before", t)
			}
			taught[t] = true
		}
		lintLesson(l, report)
		for _, variant := range lintVariants(l, report) {
			space := variant.Namespace
			if other, ok := spaces[space]; ok && space != "" && other != l.file && (l.Base == nil || l.Base.file != other) {
				report.add(l.line, "the namespace %s is taken by %s", space, other)
			}
			spaces[space] = l.file
		}
		problems = append(problems, report.problems...)
	}
	return append(append(problems, lintWords(course)...), lintTopics(course)...)
}

// lintLesson checks what makes a lesson good rather than readable.
func lintLesson(l *Lesson, report *reporter) {
	if l.Kind == Exam {
		lintExam(l, report)
		return
	}
	if l.Minutes > 15 {
		report.add(l.line, "%d minutes is too long for one sitting; split the lesson", l.Minutes)
	}
	for _, s := range l.Steps {
		if strings.TrimSpace(s.Text) == "" {
			report.add(s.line, "the step %q has no prose before its step block", s.Title)
		}
		for _, c := range s.Checks {
			for _, word := range []string{"typed(", "showed(", "commands("} {
				if c.Mode == Level && strings.Contains(c.Expr.Source, word) {
					report.add(c.line, "the check %q looks at what was typed; that is not true for ever, but once: mode: edge", c.Name)
				}
			}
		}
		if len(s.Checks) > 0 && len(s.Hints) == 0 {
			report.add(s.line, "the step %q has checks but no hint", s.Title)
		}
	}
	if l.Kind == Puzzle && !endsWithSymptom(l.Setup) {
		report.add(l.line, "the setup of a puzzle ends with what proves that something is broken: a wait, or a kubectl exec that fails otherwise")
	}
	if last := l.Steps[len(l.Steps)-1]; len(last.Quiz) == 0 && l.Kind != Sandbox {
		report.add(last.line, "the last step is the debrief and asks questions (a \"yaml quiz\" block)")
	}
	if len(l.Docs) == 0 {
		report.add(l.line, "the lesson names no page of the upstream documentation (docs)")
	}
	if len(l.Cleanup) == 0 && len(l.Files) > 0 && l.Namespace == "" {
		report.add(l.line, "the lesson has manifests but no cleanup")
	}
}

// endsWithSymptom reports whether a setup ends with something that does not succeed before the
// symptom is there.
func endsWithSymptom(setup []Action) bool {
	if len(setup) == 0 {
		return false
	}
	last := setup[len(setup)-1]
	return !last.Wait.IsZero() || (strings.HasPrefix(last.Kubectl, "exec ") && !last.Try)
}

// lintVariants parses a lesson with each value of its variables, and returns all that came
// of it. What stands in lists and in progress must be the same at each attempt.
func lintVariants(l *Lesson, report *reporter) []*Lesson {
	all := []*Lesson{l}
	for _, choice := range l.Variants()[1:] {
		variant, err := l.With(choice)
		if err != nil {
			for _, p := range problemsOf(l.file, err) {
				report.add(p.Line, "with %s: %s", choice, p.Message)
			}
			continue
		}
		if variant.ID != l.ID || variant.Title != l.Title || variant.Summary != l.Summary || !sameSteps(variant, l) {
			report.add(l.line, "with %s: the id, title, summary and the ids of steps must not vary", choice)
		}
		all = append(all, variant)
	}
	return all
}

func sameSteps(a, b *Lesson) bool {
	return slices.EqualFunc(a.Steps, b.Steps, func(x, y Step) bool { return x.ID == y.ID })
}

// lintExam checks an exam: it has no hints, and no debrief.
func lintExam(l *Lesson, report *reporter) {
	for _, s := range l.Steps {
		if len(s.Hints) > 0 {
			report.add(s.line, "the task %q has hints; in an exam nobody helps", s.Title)
		}
		if strings.TrimSpace(s.After) == "" {
			report.add(s.line, "the task %q says nothing about its solution behind the step block", s.Title)
		}
	}
}

func fileNames(l *Lesson) []string {
	var names []string
	for name := range l.Files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
