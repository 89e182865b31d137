package lessons

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestTranslations(t *testing.T) {
	text := strings.ReplaceAll(draft, "ID", "small")
	german := strings.NewReplacer("What the learner will understand", "Was man lernt", "Do one thing", "Tu etwas", "Say what to do", "Erste Zeile.\n\nSag, was zu tun ist", "say: There is no pod web yet.", "say: Es gibt noch keinen Pod web.").Replace(text)
	files := fstest.MapFS{
		"course.yaml":        {Data: []byte("title: T\nchapters: [{title: First, lessons: [small]}]")},
		"course.de.yaml":     {Data: []byte("title: T\nchapters: [{title: Erstens, lessons: [small]}]")},
		"small/lesson.md":    {Data: []byte(text)},
		"small/lesson.de.md": {Data: []byte(german)},
	}
	for language, want := range map[string]string{"de": "Erstens: Was man lernt: Tu etwas", "": "First: What the learner will understand: Do one thing", "fr": "First: What the learner will understand: Do one thing"} {
		course, err := LoadIn(files, language)
		if err != nil {
			t.Fatal(err)
		}
		l := course.Lessons()[0]
		if got := course.Chapters[0].Title + ": " + l.Title + ": " + l.Steps[0].Title; got != want || len(l.Files) != 0 {
			t.Errorf("in %q it is %s, with %d files beside", language, got, len(l.Files))
		}
	}
	for _, p := range Lint(files) {
		if strings.Contains(p.Message, "translation") {
			t.Error(p)
		}
	}
	files["small/lesson.de.md"] = &fstest.MapFile{Data: []byte(strings.Replace(german, `ready(pod("web"))`, `true`, 1))}
	found := ""
	for _, p := range Lint(files) {
		found += p.Error()
	}
	if !strings.Contains(found, "lesson.de.md: the translation does or checks something else") {
		t.Errorf("lint says %s", found)
	}
}
