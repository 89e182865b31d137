package terminal

import (
	"bytes"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// keepOutput bounds what is kept of a command's output.
const keepOutput = 64 << 10

// bell ends the sequences by which a shell speaks of itself.
const bell = 0x07

// output collects what a command prints, from where the shell says that it begins.
type output struct {
	on  bool
	raw bytes.Buffer
}

func (o *output) begin() {
	o.on = true
	o.raw.Reset()
}

func (o *output) add(p []byte) {
	if room := keepOutput - o.raw.Len(); o.on && room > 0 {
		o.raw.Write(p[:min(room, len(p))])
	}
}

// end returns what was printed since begin, as the text that somebody reads.
func (o *output) end() string {
	text := strings.ReplaceAll(ansi.Strip(o.raw.String()), "\r", "")
	o.on = false
	o.raw.Reset()
	return text
}

// pieceOf is how much of p goes up to the end of the next sequence.
func pieceOf(p []byte) int {
	if i := bytes.IndexByte(p, bell); i >= 0 {
		return i + 1
	}
	return len(p)
}
