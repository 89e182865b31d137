package convert

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"kubarium/lessons"
)

func parsed(t *testing.T, d *Draft) *lessons.Lesson {
	t.Helper()
	beside := map[string][]byte{}
	for name, content := range d.Files {
		if name != "lesson.md" {
			beside[name] = content
		}
	}
	l, err := lessons.Parse("lesson.md", d.Files["lesson.md"], beside)
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Files["lesson.md"])
	}
	return l
}

func TestKillercoda(t *testing.T) {
	files := os.DirFS("testdata/killercoda")
	d, err := Killercoda(files, "small-shop", Options{Scripts: true, Image: "kubarium/toolbox:1.0"})
	if err != nil {
		t.Fatal(err)
	}
	l := parsed(t, d)
	if l.ID != "small-shop" || l.Title != "A small shop" || len(l.Steps) != 3 || l.Namespace != "small-shop" {
		t.Errorf("%s, %s, %d steps in %s", l.ID, l.Title, len(l.Steps), l.Namespace)
	}
	open := l.Steps[0]
	if len(open.Commands) != 1 || open.Commands[0] != "kubectl create deployment shop --image=nginx" {
		t.Errorf("to type: %q", open.Commands)
	}
	if strings.Contains(open.Text, "{{") || !strings.Contains(open.Text, "```text\ncurl localhost | head") || !strings.Contains(open.Text, "#### And then") {
		t.Errorf("the prose is\n%s", open.Text)
	}
	if len(open.Checks) != 1 || open.Checks[0].Expr.Source != `probe("step1-verify.sh").ok` || l.Probes[0].Pod != "scripts" {
		t.Errorf("checks %+v by %+v", open.Checks, l.Probes)
	}
	manifest := string(d.Files["small-shop-scripts.yaml"])
	if !strings.Contains(manifest, "touch /tmp/ready") || strings.Contains(manifest, "privileged: true") || strings.Contains(manifest, "hostPath") {
		t.Errorf("the pod is\n%s", manifest)
	}
	if l.Setup[2].Kubectl != "exec scripts -- sh /scripts/intro-background.sh" {
		t.Errorf("setup is %+v", l.Setup)
	}
}

func TestWithoutConsentNoScriptIsTaken(t *testing.T) {
	for name, of := range map[string]func(fs.FS, string, Options) (*Draft, error){"killercoda": Killercoda, "iximiuz": Iximiuz} {
		d, err := of(os.DirFS("testdata/"+name), name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		l := parsed(t, d)
		if len(d.Files) != 1 || len(l.Setup) > 0 || len(l.Probes) > 0 {
			t.Errorf("%s: %d files, setup %+v, probes %+v", name, len(d.Files), l.Setup, l.Probes)
		}
		for _, file := range d.Files {
			for _, of := range []string{"touch /tmp", "--timeout=5s"} {
				if strings.Contains(string(file), of) {
					t.Errorf("%s: the draft has a line of a script: %s", name, of)
				}
			}
		}
		if !strings.Contains(strings.Join(d.Notes, "\n"), "left out the script") {
			t.Errorf("%s: notes are %q", name, d.Notes)
		}
	}
}

func TestIximiuz(t *testing.T) {
	d, err := Iximiuz(os.DirFS("testdata/iximiuz"), "free-port", Options{ID: "free", Scripts: true, Image: "kubarium/toolbox:1.0"})
	if err != nil {
		t.Fatal(err)
	}
	l := parsed(t, d)
	if l.Title != "Free the port" || l.Summary != "Something sits on a port that the shop needs." || !strings.Contains(l.Intro, "wants to open") {
		t.Errorf("%s: %s: %s", l.Title, l.Summary, l.Intro)
	}
	if len(l.Steps) != 4 || l.Steps[0].Title != "Free it" || l.Steps[2].Title != "verify_alone" {
		t.Fatalf("steps %+v", l.Steps)
	}
	free := l.Steps[0]
	if len(free.Checks) != 1 || len(free.Hints) != 1 || free.Hints[0].Say.Source != "Look at the Services first." {
		t.Errorf("checks %+v, hints %+v", free.Checks, free.Hints)
	}
	if !strings.Contains(free.Text, "Waiting for the shop") || strings.Contains(free.Text, "It is open") || strings.Contains(free.Text, "::") {
		t.Errorf("prose is\n%s", free.Text)
	}
	notes := strings.Join(d.Notes, "\n")
	for _, want := range []string{"image-box", "hintcheck", "dev-machine"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not speak of %s: %s", want, notes)
		}
	}
}

func TestBadContentIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		of   func(fs.FS, string, Options) (*Draft, error)
		file string
		text string
	}{
		"no json":         {Killercoda, "index.json", "{"},
		"no steps":        {Killercoda, "index.json", `{"title": "x"}`},
		"nothing":         {Killercoda, "other", ""},
		"no front matter": {Iximiuz, "index.md", "# x"},
		"no yaml":         {Iximiuz, "index.md", "---\na: [\n---\n## x\n"},
		"no task":         {Iximiuz, "index.md", "---\ntasks: {a: 3}\n---\n## x\n"},
		"too large":       {Iximiuz, "index.md", strings.Repeat("x", maxFile+1)},
	} {
		if _, err := c.of(fstest.MapFS{c.file: {Data: []byte(c.text)}}, "x", Options{}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	out := fstest.MapFS{"index.json": {Data: []byte(`{"title":"x","details":{"steps":[{"title":"a","text":"../../etc/passwd"}]}}`)}}
	d, err := Killercoda(out, "x", Options{})
	if err != nil || !strings.Contains(strings.Join(d.Notes, " "), "leads out of the folder") {
		t.Errorf("a text outside of the folder: %v, %+v", err, d)
	}
}

// FuzzDraft looks for prose that comes out as something that is no lesson.
func FuzzDraft(f *testing.F) {
	f.Add("# a\n```yaml step\nid: x\n```\n")
	f.Add("## b\n---\n```sh\nkubectl get pods\n")
	f.Add("~~~\n```\n~~~\n{{exec}}")
	f.Fuzz(func(t *testing.T, text string) {
		foreign := foreign{title: "x", intro: text, finish: text, steps: []foreignStep{{title: text, text: text, hints: []string{text}}}}
		if _, err := foreign.draft(Options{}, "x"); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
