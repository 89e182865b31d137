package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/detail"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// mostCopied is what each terminal takes that takes anything: xterm 75 kB in base 64.
const mostCopied = 56 << 10

// canCopy reports whether a screen is seen of which something can be copied.
func (a *App) canCopy() bool {
	_, ok := a.top().(pane.Named)
	return ok
}

// copy gives the terminal's clipboard what is selected: a name, the YAML, a log's line.
func (a *App) copy() tea.Cmd {
	var named pane.Named
	if s := a.top(); s != nil {
		if v, ok := s.(*detail.View); ok && v.Shown() == pane.YAML {
			return a.copied("the YAML of "+v.Ref().String(), v.Manifest())
		}
		named, _ = s.(pane.Named)
	} else {
		named, _ = a.panes[a.focus].(pane.Named)
	}
	text := ""
	if named != nil {
		text = named.Named()
	}
	return a.copied(text, text)
}

// copied hands it to the terminal, which does not tell whether it took it.
func (a *App) copied(what, text string) tea.Cmd {
	switch {
	case text == "":
		a.say(theme.Warn, "nothing is selected that could be copied")
		return nil
	case len(text) > mostCopied:
		a.push(note("Not copied", fmt.Sprintf("%s has %d KiB, and terminals take at most %d KiB. Save it with: kubectl get -o yaml", what, len(text)>>10, mostCopied>>10)))
		return nil
	}
	a.say(theme.OK, "to the clipboard: "+ansi.Truncate(widget.Clean(strings.TrimSpace(what)), 40, a.ctx.Theme.Icons.Ellipsis))
	return tea.SetClipboard(text)
}
