package command

import (
	"strings"
	"testing"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
)

// FuzzSplit looks for typed lines that crash the command line, or split into something
// that a shell would not.
func FuzzSplit(f *testing.F) {
	f.Add(`get pods -l 'app in (a, b)' "c d"\ e`)
	f.Add("kubectl ")
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Split(line)
		if err != nil && len(words) > 0 {
			t.Errorf("words %q and the error %v", words, err)
		}
		if args, err := Args(line); err == nil {
			_ = Interactive(args)
		}
	})
}

// FuzzCandidates reads what a plugin's completion may print: what is offered begins with what
// was typed, and does not steer the terminal.
func FuzzCandidates(f *testing.F) {
	f.Add("pods\tall of them\npodtemplates\n:4\nCompletion ended", "po")
	f.Add(":\n:x\n\x1b[2J", "")
	f.Add("a\xffb\na\xfec\n:2", "a")
	f.Fuzz(func(t *testing.T, out, word string) {
		list, _ := candidates(out, word)
		for _, l := range list {
			if l == "" || strings.ContainsAny(l, "\n\x1b") {
				t.Errorf("%q offers %q", out, l)
			}
		}
		line := New(&pane.Context{Theme: theme.New(theme.Dark, true, true)}, nil)
		line.open = true
		line.completed(completedMsg{line: line.input.Value(), word: word, options: list})
	})
}
