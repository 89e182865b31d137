package printable

import "testing"

func TestLine(t *testing.T) {
	// Bells, escape sequences, C1 controls and ends of lines; letters stay.
	if got := Line("a\x1b[2Jb\u009bc\nd\x7fé…"); got != "a [2Jb c d é…" {
		t.Errorf("%q", got)
	}
}
