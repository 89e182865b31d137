package widget

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// TestWidthIsThatOfTheTerminal compares with the library, for what is known and what is
// not, in any order.
func TestWidthIsThatOfTheTerminal(t *testing.T) {
	parts := []string{
		"a", " ", "~", "\x1b[31m", "\x1b[38;2;1;2;3m", "\x1b[m", "\x1b[4:3m", "\x1b[2J", "\x1b[?25l", "\x1b]0;title\x07", "\x1b", "\x1b[31",
		"日", "é", "e\u0301", "\u200d", "\ufe0f", "·", "…", "—", "✓", "✗", "✅", "↔", "↑", "≈", "⊘", "\n", "\t", "\x00", "\x7f", "\u0080", "👩‍👩‍👧", "🇩🇪", "\xe2", "\xe2\x94", "\xff", "ﷺ",
	}
	special := len(parts)
	for r := rune(0x2000); r < 0x2c00; r++ {
		parts = append(parts, string(r))
		if got, want := Width(string(r)), ansi.StringWidth(string(r)); got != want {
			t.Errorf("%U is %d wide, not %d", r, want, got)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		var b strings.Builder
		for range 1 + random.IntN(5) {
			i := random.IntN(len(parts))
			if random.IntN(2) == 0 {
				i = random.IntN(special)
			}
			b.WriteString(parts[i])
		}
		if got, want := Width(b.String()), ansi.StringWidth(b.String()); got != want {
			t.Fatalf("%q is %d wide, not %d", b.String(), want, got)
		}
	}
}

func TestBesideJoinsLines(t *testing.T) {
	if got := Beside("ab\ncd", "1\n2", "x\ny"); got != "ab1x\ncd2y" {
		t.Errorf("got %q", got)
	}
}
