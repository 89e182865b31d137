package kubectlargs

import (
	"slices"
	"strings"
	"testing"
)

func TestTake(t *testing.T) {
	for _, test := range []struct{ line, name, dir, rest string }{
		{"get pods", "", "", "get pods"},
		{"--name other get pods --name x", "other", "", "get pods --name x"},
		{"--name=other --data-dir=/d=e get", "other", "/d=e", "get"},
		{"--data-dir /a --data-dir /b -n x", "", "/b", "-n x"},
		{"name get", "", "", "name get"},
		{"--name= get", "", "", "get"},
		{"--names x", "", "", "--names x"},
		{"", "", "", ""},
	} {
		var name, dir string
		rest, err := Take(strings.Fields(test.line), map[string]*string{"name": &name, "data-dir": &dir})
		if err != nil || name != test.name || dir != test.dir || strings.Join(rest, " ") != test.rest {
			t.Errorf("%s: got %q, %q, %q, %v", test.line, name, dir, rest, err)
		}
	}
	if _, err := Take([]string{"--data-dir"}, map[string]*string{"data-dir": new(string)}); err == nil {
		t.Error("a flag without its value is taken")
	}
}

func TestNeedCluster(t *testing.T) {
	for line, want := range map[string]bool{
		"": false, "get pods": true, "get -h": false, "help": false, "exec web -- psql -h db": true,
		"exec web -h": false, "--kubeconfig=x get": false, "version --client": false, "config view": false,
	} {
		if got := NeedCluster(strings.Fields(line)); got != want {
			t.Errorf("%s: got %t", line, got)
		}
	}
}

// FuzzTake reads command lines as nobody types them: what is not taken is as it was, and the
// first of it is none of ours.
func FuzzTake(f *testing.F) {
	f.Add("--name\x00other\x00get\x00pods")
	f.Add("--name")
	f.Add("--data-dir=\x00--name\x00--name\x00--\x00=")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		var name, dir string
		rest, err := Take(args, map[string]*string{"name": &name, "data-dir": &dir})
		if err != nil {
			if len(rest) > 0 {
				t.Errorf("%q is wrong and leaves %q", args, rest)
			}
			return
		}
		if !slices.Equal(rest, args[len(args)-len(rest):]) {
			t.Errorf("%q leaves %q", args, rest)
		}
		if len(rest) > 0 {
			first, _, _ := strings.Cut(rest[0], "=")
			if first == "--name" || first == "--data-dir" {
				t.Errorf("%q leaves %q", args, rest)
			}
		}
		_ = NeedCluster(rest)
	})
}
