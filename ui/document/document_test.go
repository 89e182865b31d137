package document

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
)

const pod = `apiVersion: v1
kind: Pod
metadata:
  annotations:
    example.com/why: |
      first
      second
  labels:
    app: web
  name: web
spec:
  containers:
  - name: web
    image: kubarium/web:1.0
    ports:
    - containerPort: 8080
  - name: side
    image: kubarium/toolbox:1.0
status: {}
`

func TestFieldUnderTheCursor(t *testing.T) {
	text := Read(pod)
	for line, want := range map[int]string{
		0: "apiVersion", 3: "metadata.annotations", 5: "metadata.annotations.example.com/why", 8: "metadata.labels.app",
		12: "spec.containers.[0].name", 15: "spec.containers.[0].ports.[0].containerPort", 17: "spec.containers.[1].image", 18: "status",
	} {
		if f, ok := text.At(line); !ok || f.String() != want {
			t.Errorf("line %d is %q, not %q", line, f, want)
		}
	}
	f, _ := text.At(17)
	if got := strings.Join(f.Names(), "."); got != "spec.containers.image" {
		t.Errorf("explained is %s", got)
	}
}

// TestFind looks for fields as the API server names them in its errors.
func TestFind(t *testing.T) {
	text := Read(pod)
	for path, want := range map[string]int{
		"spec.containers[1].image": 17, "spec.containers[0].ports[0].containerPort": 15, "metadata.labels": 7,
		`metadata.annotations[example.com/why]`: 4, "spec.containers[0].resources.limits[cpu]": 12, "spec.nodeName": 10, "nonsense": -1,
		"metadata.labels[app]": 8,
	} {
		if got := text.Find(path); got != want {
			t.Errorf("%s is at %d, not %d", path, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	v := &View{}
	v.SetSize(60, 30)
	v.Set(Read(pod))
	look := func() string { return ansi.Strip(v.View(theme.New("dark", true, true))) }
	v.Go(13)
	v.Fold() // the container around the image
	if s := look(); !strings.Contains(s, ">   - name: web ~ 3 lines") || strings.Contains(s, "web:1.0") || !strings.Contains(s, "name: side") {
		t.Errorf("the first container is not folded:\n%s", s)
	}
	v.Fold()
	if s := look(); !strings.Contains(s, "web:1.0") {
		t.Errorf("it stays folded:\n%s", s)
	}
	v.Go(13)
	v.FoldAll()
	if s := look(); strings.Contains(s, "containers:") || !strings.Contains(s, "> spec: ~ 7 lines") {
		t.Errorf("not all is folded:\n%s", s)
	}
	v.FoldAll()

	// A change above leaves the cursor on its field.
	v.Go(13)
	v.Set(Read(strings.Replace(pod, "  name: web\n", "  name: web\n  uid: abc\n  other: x\n", 1)))
	if f, _ := v.Field(); f.String() != "spec.containers.[0].image" || v.line() != 15 {
		t.Errorf("the cursor is at %s, line %d", f, v.line())
	}
}

func TestColours(t *testing.T) {
	text := Read("spec:\n  replicas: 3\n  paused: true\n  note: \"3\" # why\n")
	var got []string
	for _, line := range text.pieces {
		for _, p := range line {
			if s := strings.TrimSpace(p.text); s != "" && p.tone != theme.Muted {
				got = append(got, s+"="+map[theme.Tone]string{theme.Accent: "key", theme.Busy: "value", theme.OK: "string", theme.Faint: "comment", theme.Plain: "plain"}[p.tone])
			}
		}
	}
	if want := "spec=key replicas=key 3=value paused=key true=value note=key \"3\"=string # why=comment"; strings.Join(got, " ") != want {
		t.Errorf("%v\nnot\n%s", got, want)
	}
	if odd := Read("a: [b\nno yaml"); len(odd.lines) != 2 || len(odd.fields) != 0 {
		t.Errorf("what is no YAML is %+v", odd)
	}
}
