package ui

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/panel"
	"kubarium/ui/rights"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// View implements tea.Model.
func (a *App) View() tea.View {
	if a.paint.hold && a.paint.view.Content != "" {
		return a.paint.view
	}
	content, cursor := a.Render()
	v := tea.NewView(content)
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "kubarium " + a.opts.Cluster.Name()
	v.Cursor = cursor
	if t := a.ctx.Theme; t.IsDark != a.dark || t.Name == theme.HighContrast {
		v.BackgroundColor, v.ForegroundColor = t.Backdrop, t.Ink
	}
	a.paint.view, a.paint.drawn = v, a.now()
	return v
}

// Render draws the whole screen.
func (a *App) Render() (string, *tea.Cursor) {
	switch {
	case a.w == 0:
		return "", nil
	case a.layout.TooSmall:
		return a.tooSmall(), nil
	}
	f := &frame{w: a.w, h: a.h}
	var cursor *tea.Cursor
	if a.booting {
		f.put(layout.Rect{W: a.w, H: a.h}, a.boot.View(a.w, a.h))
	} else {
		cursor = a.main(f.put)
	}
	if n := len(a.dialogs); n > 0 {
		canvas := f.canvas()
		a.overlay(canvas, a.dialogs[n-1])
		return canvas.Render(), nil
	}
	return f.String(), cursor
}

// overlay draws a dialog in the middle, over a dimmed screen.
func (a *App) overlay(canvas *lipgloss.Canvas, d dialog) {
	t := a.ctx.Theme
	widget.Dim(canvas, t.Tone(theme.Faint).Colour())
	s := d.view(a.ctx, a.w-4, a.h-2)
	x, y, _, _ := a.place(s)
	if t.Fine {
		s = widget.Flood(s, func(int) color.Color { return t.Surface })
	}
	canvas.Compose(lipgloss.NewCompositor(lipgloss.NewLayer(s).X(x).Y(y)))
}

func (a *App) tooSmall() string {
	t := a.ctx.Theme
	lines := []string{
		t.Brand.Render("kubarium"), "",
		t.Text.Render(fmt.Sprintf("needs %d x %d cells", layout.MinWidth, layout.MinHeight)),
		t.Tone(theme.Muted).Render(fmt.Sprintf("this terminal has %d x %d", a.w, a.h)), "",
		t.Tone(theme.Muted).Render("make it larger, or q to quit"),
	}
	if unsaved(a.screens) {
		lines[len(lines)-1] = t.Tone(theme.Warn).Render("make it larger: a change is not saved")
	}
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, a.w, "")
	}
	if len(lines) > a.h {
		lines = lines[2:min(len(lines), 2+a.h)]
	}
	return widget.Center(strings.Join(lines, "\n"), a.w, a.h)
}

// main draws the main screen, and tells where the cursor is if something is typed.
func (a *App) main(put func(layout.Rect, string)) *tea.Cursor {
	l := a.layout
	put(l.Rect(layout.Status), a.statusLine(a.w))
	if s := a.top(); s != nil && !a.screenRect().Empty() {
		put(a.screenRect(), s.View())
	} else {
		for _, n := range ring() {
			if p := a.panes[n]; p != nil && a.visible(n) {
				put(l.Rect(n), a.point(n, a.paneView(n, p)))
			}
		}
	}
	if r := l.Rect(layout.Panel); a.lessons != nil && !r.Empty() && (a.top() == nil || !l.PanelOver) {
		put(r, a.panelView(r))
	}
	if r := l.Rect(layout.Output); !r.Empty() {
		put(r, a.line.Dock(a.line.Open() || a.focus == layout.Output))
	}
	var cursor *tea.Cursor
	if r := l.Rect(layout.Terminal); !r.Empty() {
		put(r, a.terminal.View(a.inTerminal()))
		if cursor = a.terminal.Cursor(); cursor != nil {
			cursor.X, cursor.Y = cursor.X+r.X, cursor.Y+r.Y
		}
	}
	if !a.inTerminal() {
		cursor = nil
	}
	r := l.Rect(layout.Keys)
	var bottom string
	switch {
	case a.line.Open():
		bottom, cursor = a.line.View(r.W)
		cursor = lower(cursor, r.Y)
	case a.filters.open:
		bottom, cursor = a.filters.view(r.W)
		cursor = lower(cursor, r.Y)
	default:
		bottom = a.keyBar(r.W)
	}
	put(r, bottom)
	return cursor
}

func lower(c *tea.Cursor, by int) *tea.Cursor {
	if c != nil {
		c.Y += by
	}
	return c
}

func (a *App) panelView(r layout.Rect) string {
	t := a.ctx.Theme
	focused := a.focus == layout.Panel && !a.line.Open()
	box := widget.Box{Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis, Title: t.HeadingBold.Render(a.lessons.Title())}
	if focused {
		box.Style, box.Title = t.BorderFocus, t.Key.Render(a.lessons.Title())
	}
	lines := strings.Split(a.lessons.View(max(0, r.W-4), max(0, r.H-2)), "\n")
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return box.Draw(strings.Join(lines, "\n"), r.W, r.H)
}

// point marks a pane of which the lesson speaks just now, in its upper right corner.
func (a *App) point(n layout.Name, text string) string {
	pointer, ok := a.lessons.(panel.Pointer)
	if !ok || !a.panelOn || !slices.Contains(pointer.Points(), string(n)) {
		return text
	}
	mark := " " + a.ctx.Theme.Icons.Cursor + " lesson "
	w, width := a.layout.Rect(n).W, ansi.StringWidth(mark)
	if w < 3*width {
		return text
	}
	first, rest, more := strings.Cut(text, "\n")
	first = ansi.Cut(first, 0, w-width-2) + a.ctx.Theme.Tone(theme.Accent).Bold().Render(mark) + ansi.Cut(first, w-2, w)
	if more {
		first += "\n"
	}
	return first + rest
}

// tabLine is the titles of panes that share a rectangle; "" for one that does not.
func (a *App) tabLine(n layout.Name) string {
	if !a.layout.Tabbed(n) {
		return ""
	}
	t := a.ctx.Theme
	var parts []string
	for _, tab := range a.layout.Tabs {
		title, count := a.panes[tab].Title()
		text := " " + title + " " + count + " "
		if tab == n {
			parts = append(parts, t.Selected.Bold().Render(text))
		} else {
			parts = append(parts, t.Tone(theme.Muted).Render(text))
		}
	}
	return strings.Join(parts, t.Border.Render(t.Icons.Separator))
}

// tabAt is the tab under a column of the shared rectangle's upper edge.
func (a *App) tabAt(x int) layout.Name {
	at := 3
	for _, tab := range a.layout.Tabs {
		title, count := a.panes[tab].Title()
		w := widget.Width(title+count) + 3
		if x >= at && x < at+w {
			return tab
		}
		at += w + 1
	}
	return ""
}

// keyBar shows the keys that matter now, or how something went.
func (a *App) keyBar(w int) string {
	items, right := a.barItems(w)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.text
	}
	return widget.Spread(" "+strings.Join(texts, strings.Repeat(" ", barGap)), right, w, "")
}

// barGap is between two keys of the bar.
const barGap = 3

// barItem is a key in the bar.
type barItem struct {
	text string
	key  string
}

// barItems are the keys for which a bar of w cells has room, and what stands at its end.
func (a *App) barItems(w int) ([]barItem, string) {
	t := a.ctx.Theme
	set := a.focused().Set
	if a.past != nil && a.focus != layout.Panel {
		set = a.inPast()
	}
	if !a.inTerminal() && !a.typing() && a.past == nil {
		set = slices.Concat(set, a.globals())
	}
	right := ""
	if going := a.progress(); going != "" && a.note.text == "" {
		right = ansi.Truncate(t.Tone(theme.Busy).Render(going), w*2/3, t.Icons.Ellipsis) + " "
	}
	if a.note.text != "" {
		sign := map[theme.Tone]string{theme.OK: t.Icons.Check, theme.Warn: t.Icons.Warning, theme.Bad: t.Icons.Failing}[a.note.tone]
		right = t.Tone(a.note.tone).Render(strings.TrimSpace(sign+" "+a.note.text)) + " "
		right = ansi.Truncate(right, w*2/3, t.Icons.Ellipsis)
	}
	return keyItems(t, set, a.markedKeys(), w-widget.Width(right)-2), right
}

// keyItems are as many keys as fit in w cells, and in any case those that the bar
// always has. Those of which a lesson speaks come first, and are marked. What the user has no
// right to is grey and in brackets; its key says why.
func keyItems(t *theme.Theme, set keys.Set, marked []string, w int) []barItem {
	var items []barItem
	var always []bool
	reserved := 0
	seen := map[string]bool{}
	set, n := markedFirst(set, marked)
	for i, b := range set {
		shown, why := b.Shown(), b.Why()
		refused := rights.Refusal(why)
		if seen[shown] || why != "" && !refused || (!b.Bar && i >= n) {
			continue
		}
		seen[shown] = true
		if t.Icons.ASCII {
			shown = plainKey(shown)
		}
		item := barItem{text: t.Key.Render(shown) + " " + t.Tone(theme.Muted).Render(b.Desc)}
		switch {
		case refused:
			item.text = t.Tone(theme.Faint).Render("(" + shown + " " + b.Desc + ")")
		case i < n:
			item.text = t.Tone(theme.Accent).Bold().Render(t.Icons.Cursor) + " " + t.Selected.Render(" "+shown+" "+b.Desc+" ")
		}
		if len(b.Keys) > 0 {
			item.key = b.Keys[0]
		}
		items, always = append(items, item), append(always, b.Always)
		if b.Always {
			reserved += widget.Width(item.text) + barGap
		}
	}
	var out []barItem
	room := w - reserved + barGap
	for i, item := range items {
		n := widget.Width(item.text) + barGap
		if !always[i] {
			if room -= n; room < 0 {
				continue
			}
		}
		out = append(out, item)
	}
	return out
}

// markedFirst moves the bindings of marked keys to the front, and tells how many they are.
// Of two that have the same key, the first one gets it.
func markedFirst(set keys.Set, marked []string) (keys.Set, int) {
	if len(marked) == 0 {
		return set, 0
	}
	var front, rest keys.Set
	left := slices.Clone(marked)
	for _, b := range set {
		is := false
		left = slices.DeleteFunc(left, func(name string) bool {
			has := slices.Contains(b.Keys, name)
			is = is || has
			return has
		})
		if is {
			front = append(front, b)
		} else {
			rest = append(rest, b)
		}
	}
	return append(front, rest...), len(front)
}
