package terminal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// rows is what the pane shows, without its frame and what is empty.
func rows(p *Pane) []string {
	var list []string
	for _, l := range strings.Split(ansi.Strip(p.View(true)), "\n") {
		list = append(list, strings.TrimRight(strings.Trim(l, "|"), " "))
	}
	return list[1 : len(list)-1]
}

// shows waits until the pane shows exactly these rows.
func shows(t *testing.T, p *Pane, want ...string) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		got := rows(p)
		same := len(got) == len(want)
		for i := 0; same && i < len(got); i++ {
			same = got[i] == want[i] || strings.HasSuffix(want[i], "*") && strings.HasPrefix(got[i], strings.TrimSuffix(want[i], "*"))
		}
		if same {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("want\n%s\nsees\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
}

func typeKeys(p *Pane, text string) {
	for _, r := range text {
		switch r {
		case '\r':
			p.Key(tea.KeyPressMsg{Code: tea.KeyEnter})
		case '\x1b':
			p.Key(tea.KeyPressMsg{Code: tea.KeyEscape})
		case '\x05':
			p.Key(tea.KeyPressMsg{Code: 'e', Mod: tea.ModCtrl})
		default:
			p.Key(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// thirtyLines makes a file to be edited, by the name f.
func thirtyLines(t *testing.T) (file string, lines []string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "f")
	for i := range 30 {
		lines = append(lines, fmt.Sprint("line ", i+1))
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, lines
}

// TestVi edits a file in a real vi: each row of its screen stands where other terminals show it,
// at another size too, what it writes is on the disk, and at its end the screen is what it was.
func TestVi(t *testing.T) {
	file, lines := thirtyLines(t)
	p := openPane(t, `cd '`+filepath.Dir(file)+`'; echo before; busybox vi f; echo after; sleep 600`)
	shows(t, p, "line 1", "line 2", "line 3", "line 4", "line 5", "- f 1/30 3%*")
	typeKeys(p, "G")
	shows(t, p, "line 28", "line 29", "line 30", "~", "~", "- f 30/30 100%*")
	typeKeys(p, "ddkOthe ebb\x1b")
	shows(t, p, "the ebb", "line 28", "line 29", "~", "~", "- f [Modified] 28/30 93%*")
	p.Resize(70, 11)
	shows(t, p, "the ebb", "line 28", "line 29", "~", "~", "~", "~", "~", "- f [Modified] 28/30 93%*")
	typeKeys(p, ":wq\r")
	sees(t, p, "after")
	if got := rows(p); got[0] != "before" || got[1] != "after" {
		t.Errorf("after vi the screen is\n%s", strings.Join(got, "\n"))
	}
	written, err := os.ReadFile(file)
	if want := strings.Join(append(append(lines[:27:27], "the ebb"), lines[27:29]...), "\n") + "\n"; err != nil || string(written) != want {
		t.Errorf("%v, the file is\n%s", err, written)
	}
}

// vim is the name of the vim that there is.
func vim(t *testing.T) string {
	for _, name := range []string{"vim", "vim.tiny"} {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	t.Fatal("there is no vim: run hack/setup.sh")
	return ""
}

// TestVim edits in the vim that most people have, which scrolls regions, inserts lines and sets
// colours where busybox draws all anew.
func TestVim(t *testing.T) {
	file, lines := thirtyLines(t)
	p := openPane(t, `cd '`+filepath.Dir(file)+`'; echo before; TERM=xterm-256color `+vim(t)+` -N -u NONE -i NONE -n f; echo after; sleep 600`)
	shows(t, p, "line 1", "line 2", "line 3", "line 4", "line 5", `"f" 30L, *`)
	typeKeys(p, ":set number ruler incsearch hlsearch\r")
	shows(t, p, "  1 line 1", "  2 line 2", "  3 line 3", "  4 line 4", "  5 line 5", ":set number ruler incsearch hlsearch  *")
	typeKeys(p, "G")
	shows(t, p, " 26 line 26", " 27 line 27", " 28 line 28", " 29 line 29", " 30 line 30", "*")
	typeKeys(p, "kddOthe ebb")
	shows(t, p, " 26 line 26", " 27 line 27", " 28 line 28", " 29 the ebb", " 30 line 30", "-- INSERT --*")
	typeKeys(p, "\x1bgg\x05\x05") // the first lines, then two further
	shows(t, p, "  3 line 3", "  4 line 4", "  5 line 5", "  6 line 6", "  7 line 7", "*")
	typeKeys(p, "/the\r")
	shows(t, p, " 26 line 26", " 27 line 27", " 28 line 28", " 29 the ebb", " 30 line 30", "/the *")
	if drawn := p.View(true); !strings.Contains(drawn, "the\x1b[") {
		t.Errorf("what was looked for is not marked: %q", drawn)
	}
	p.Resize(70, 11)
	shows(t, p, " 24 line 24", " 25 line 25", " 26 line 26", " 27 line 27", " 28 line 28", " 29 the ebb", " 30 line 30", "~", "*")
	typeKeys(p, ":split\r")
	shows(t, p, " 27 line 27", " 28 line 28", " 29 the ebb", "f [+]*", " 27 line 27", " 28 line 28", " 29 the ebb", "f [+]*", ":split")
	typeKeys(p, ":wqa\r")
	sees(t, p, "after")
	if got := rows(p); got[0] != "before" || got[1] != "after" {
		t.Errorf("after vim the screen is\n%s", strings.Join(got, "\n"))
	}
	written, err := os.ReadFile(file)
	if want := strings.Join(append(lines[:28:28], "the ebb", "line 30"), "\n") + "\n"; err != nil || string(written) != want {
		t.Errorf("%v, the file is\n%s", err, written)
	}
}

// tops are the programs by that name, with how the rows of their heads begin.
func tops() map[string][]string {
	return map[string][]string{
		"busybox top": {"Mem:", "CPU:", "Load average:", "  PID"},
		"top":         {"top - ", "Tasks:", "%Cpu(s):", "MiB Mem", "MiB Swap"},
	}
}

// TestTop looks at real tops, which draw over themselves again and again.
func TestTop(t *testing.T) {
	for command, head := range tops() {
		t.Run(command, func(t *testing.T) {
			p := openPane(t, "TERM=xterm-256color "+command+" -d 1; echo the end; sleep 600")
			p.Resize(80, 14)
			sees(t, p, " PID ")
			first := strings.Join(rows(p), "\n")
			// What is seen may be a screen of which a part is drawn.
			for end := time.Now().Add(limit); strings.Join(rows(p), "\n") == first || !begin(rows(p), head); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("it stands still, or is no top:\n%s", strings.Join(rows(p), "\n"))
				}
			}
			if drawn := p.View(true); !strings.Contains(drawn, "\x1b[7m") && !strings.Contains(drawn, ";7m") {
				t.Errorf("the heading is not in reverse video: %q", drawn)
			}
			typeKeys(p, "q")
			sees(t, p, "the end")
		})
	}
}

// begin reports whether each of the first rows begins as it should.
func begin(rows, with []string) bool {
	for i, want := range with {
		if i >= len(rows) || !strings.HasPrefix(rows[i], want) {
			return false
		}
	}
	return true
}
