package terminal

import (
	"fmt"
	"os"
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
		default:
			p.Key(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// TestVi edits a file in a real vi: each row of its screen stands where other terminals show it,
// at another size too, what it writes is on the disk, and at its end the screen is what it was.
func TestVi(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprint("line ", i+1))
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
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

// isTop reports whether each row of a top's head stands where it belongs.
func isTop(rows []string) bool {
	for i, want := range []string{"Mem:", "CPU:", "Load average:", "  PID"} {
		if !strings.HasPrefix(rows[i], want) {
			return false
		}
	}
	return true
}

// TestTop looks at a real top, which draws over itself again and again.
func TestTop(t *testing.T) {
	p := openPane(t, `busybox top -d 1; echo the end; sleep 600`)
	sees(t, p, "Load average:")
	sees(t, p, " PID ")
	first := strings.Join(rows(p), "\n")
	// What is seen may be a screen of which a part is drawn.
	for end := time.Now().Add(limit); strings.Join(rows(p), "\n") == first || !isTop(rows(p)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it stands still, or is no top:\n%s", strings.Join(rows(p), "\n"))
		}
	}
	if drawn := p.View(true); !strings.Contains(drawn, "\x1b[7m") && !strings.Contains(drawn, ";7m") {
		t.Errorf("the heading is not in reverse video: %q", drawn)
	}
	typeKeys(p, "q")
	sees(t, p, "the end")
}
