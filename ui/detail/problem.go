package detail

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubarium/ui/document"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// problem is something that is wrong with what was written.
type problem struct {
	text string
	line int // in which it is; -1 if nobody knows
}

// RefusedMsg says why an object could not be changed, so that it can be read again.
type RefusedMsg struct{ Text string }

func (v *View) refused(text string) tea.Cmd {
	text = fmt.Sprintf("%s not changed: %s", v.ref, text)
	return func() tea.Msg { return RefusedMsg{Text: text} }
}

// note says something that is of no line.
func (e *editor) note(text string) { e.problems = []problem{{text: text, line: -1}} }

// wrong shows an error where it belongs.
func (v *View) wrong(err error) tea.Cmd {
	e := v.editor
	text := document.Read(e.area.Value())
	if e.problems = causes(err, text); e.problems == nil {
		e.problems = []problem{locate(widget.Clean(err.Error()), text, strings.Count(e.area.Value(), "\n")+1)}
	}
	for _, p := range e.problems {
		if p.line >= 0 {
			e.goTo(p.line)
			break
		}
	}
	return v.refused(widget.Clean(err.Error()))
}

// causes are all that the server found wrong; none if nothing of it is in a line of the text.
func causes(err error, text *document.Text) []problem {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var list []problem
	found := false
	for _, c := range status.Status().Details.Causes {
		p := problem{text: widget.Clean(c.Message), line: -1}
		if c.Field != "" {
			p.text, p.line = widget.Clean(c.Field+": "+c.Message), text.Find(c.Field)
		}
		found = found || p.line >= 0
		list = append(list, p)
	}
	if !found {
		return nil
	}
	return list
}

var (
	lineWord    = regexp.MustCompile(`line (\d+)`)
	quotedField = regexp.MustCompile(`field "([^"]+)"`)
	structField = regexp.MustCompile(`field \w+\.(\S+) of type`)
)

// locate looks in a message for where in the text it belongs.
func locate(message string, text *document.Text, lines int) problem {
	p := problem{text: message, line: -1}
	for _, named := range []*regexp.Regexp{quotedField, structField} {
		if m := named.FindStringSubmatch(message); p.line < 0 && m != nil {
			p.line = text.Find(m[1])
		}
	}
	if m := lineWord.FindStringSubmatch(message); p.line < 0 && m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.line = min(n, lines) - 1
		}
	}
	return p
}

// editHead is how many lines stand over the text at least.
const editHead = 2

// head are the lines over the text, of a view of w by h cells: what is to be done, or what is
// wrong. There may be much of that, so they take up to a third of the height.
func (v *View) head(w, h int) []string {
	e, t := v.editor, v.ctx.Theme
	tone, text, most := theme.Accent, "", editHead
	switch e.stage {
	case fetching:
		text = "asking the API server" + t.Icons.Ellipsis
		if e.err != nil {
			tone, text, most = theme.Bad, t.Icons.Failing+" "+e.err.Error(), h
		}
	case writing:
		tone, text = v.advice()
		most = max(editHead, h/3)
	case checking:
		text = "the server checks it (a dry run: nothing changes)" + t.Icons.Ellipsis
	case reviewing:
		text = "The server accepts it. This would change:"
	case saving:
		text = "saving" + t.Icons.Ellipsis
	case conflict:
		tone, text = theme.Warn, t.Icons.Warning+" Somebody changed it while you wrote. This is what they did:"
	}
	lines := widget.Lines(widget.Clean(text), w)
	if len(lines) > most {
		// The end is cut as any long line is.
		lines = append(lines[:most-1], widget.Fit(lines[most-1]+" "+strings.Join(lines[most:], " "), w, t.Icons.Ellipsis))
	}
	for i, l := range lines {
		lines[i] = t.Tone(tone).Render(l)
	}
	for len(lines) < editHead {
		lines = append(lines, "")
	}
	return lines
}

// advice is what stands over a text that is written.
func (v *View) advice() (theme.Tone, string) {
	e, warning := v.editor, v.ctx.Theme.Icons.Warning
	switch {
	case e.leave:
		return theme.Warn, warning + " esc again throws your changes away"
	case len(e.problems) == 0:
		return theme.Accent, "Change what you like, then ctrl+s: the server checks it before anything happens."
	}
	var lines []string
	for _, p := range e.problems {
		text := warning + " " + p.text
		if p.line >= 0 {
			text = fmt.Sprintf("%s line %d: %s", warning, p.line+1, p.text)
		}
		lines = append(lines, text)
	}
	return theme.Warn, strings.Join(lines, "\n")
}
