package lessons

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// badLessons are more than two hundred files, each with a mistake of its own.
func badLessons(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/bad/*.md")
	if err != nil || len(files) < 200 {
		t.Fatalf("%d bad lessons, %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		if all[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestBadLessons wants each refused when it is read, before any cluster is touched, with
// the file's name and in words.
func TestBadLessons(t *testing.T) {
	for name, text := range badLessons(t) {
		course := fstest.MapFS{
			"course.yaml":   {Data: []byte("title: T\nchapters: [{title: C, lessons: [bad]}]")},
			"bad/lesson.md": {Data: text},
		}
		got, err := Load(course)
		if err == nil || got != nil {
			t.Errorf("%s is taken", name)
			continue
		}
		problems := asProblems(err)
		if len(problems) == 0 {
			t.Errorf("%s: %v", name, err)
		}
		for _, p := range problems {
			if p.File != "bad/lesson.md" || p.Message == "" {
				t.Errorf("%s: a problem without file or message: %v", name, p)
			}
		}
	}
}
