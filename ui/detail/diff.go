package detail

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// difference is how one text became another, in lines that begin with a sign. It has no
// lines if they are the same.
func difference(t *theme.Theme, before, after string) []string {
	text := udiff.Unified("", "", strings.TrimRight(widget.Clean(before), "\n")+"\n", strings.TrimRight(widget.Clean(after), "\n")+"\n")
	var lines []string
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(l, "---"), strings.HasPrefix(l, "+++"), strings.HasPrefix(l, `\`), l == "":
		case strings.HasPrefix(l, "+"):
			lines = append(lines, t.Tone(theme.OK).Render(l))
		case strings.HasPrefix(l, "-"):
			lines = append(lines, t.Tone(theme.Bad).Render(l))
		case strings.HasPrefix(l, "@@"):
			lines = append(lines, t.Tone(theme.Muted).Render(l))
		default:
			lines = append(lines, t.Text.Render(l))
		}
	}
	return lines
}
