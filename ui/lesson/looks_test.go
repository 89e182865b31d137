package lesson

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"kubarium/lessons/play"
	"kubarium/ui/theme"
)

// TestLooks draws what a learner meets at the sizes that the panel has in terminals of
// 80x24, 120x40 and 200x60, in colour, without and in ASCII.
func TestLooks(t *testing.T) {
	all := screens(t)
	glossary := newPanel(t)
	press(glossary, "w")
	asks := playing(t, func(*play.Snapshot) {})
	press(asks, "x")
	maps.Copy(all, map[string]*Panel{
		"glossary": glossary, "asks": asks,
		"exam":       sitting(t, func(*play.Snapshot) {}),
		"exam marks": sitting(t, func(s *play.Snapshot) { s.Step, s.Finished, s.Points = len(s.Steps), true, 60 }),
	})
	colour := regexp.MustCompile("\x1b\\[[0-9;]*[349][0-9][;m]")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		for look, profile := range map[string]colorprofile.Profile{"colour": colorprofile.TrueColor, "nocolor": colorprofile.ASCII, "ascii": colorprofile.ASCII} {
			p.SetTheme(theme.New(theme.Dark, true, look == "ascii"))
			for screen, size := range map[string][2]int{"80x24": {76, 20}, "120x40": {40, 36}, "200x60": {68, 56}} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, look, screen), func(t *testing.T) {
					p.View(size[0], size[1])
					if name == "quiz" {
						p.scroll.bottom()
					}
					var b bytes.Buffer
					w := colorprofile.Writer{Forward: &b, Profile: profile}
					if _, err := w.WriteString(p.View(size[0], size[1]) + "\n"); err != nil {
						t.Fatal(err)
					}
					if found := colour.FindString(b.String()); found != "" && look != "colour" {
						t.Errorf("a colour: %q", found)
					}
					for _, r := range ansi.Strip(b.String()) {
						if r > 126 && look == "ascii" {
							t.Errorf("%q is not ASCII", r)
							break
						}
					}
					same(t, fmt.Sprintf("looks/%s/%s/%s", name, look, screen), b.String())
				})
			}
		}
	}
}
