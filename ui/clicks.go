package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/boot"
	"kubarium/ui/pane"
	"kubarium/ui/widget"
)

// clickBar presses the key of the bar that is in a column: the mouse does what the
// keyboard does, by the same way.
func (a *App) clickBar(x int) tea.Cmd {
	if a.line.Open() || a.filters.open {
		return nil
	}
	items, _ := a.barItems(a.w)
	at := 1
	for _, item := range items {
		w := widget.Width(item.text)
		if x >= at && x < at+w {
			return a.pressed(item.key)
		}
		at += w + barGap
	}
	return nil
}

// bootClick presses the key that is clicked on at the screen's foot while the cluster starts.
func (a *App) bootClick(msg tea.MouseMsg) tea.Cmd {
	m := msg.Mouse()
	lines := strings.Split(ansi.Strip(a.boot.View(a.w, a.h)), "\n")
	if _, pressed := msg.(tea.MouseClickMsg); !pressed || m.Button != tea.MouseLeft || m.Y >= len(lines) {
		return nil
	}
	for _, k := range boot.Keys() {
		if before, _, ok := strings.Cut(lines[m.Y], k.Key+" "+k.Desc); ok {
			if x := m.X - widget.Width(before); x >= 0 && x < widget.Width(k.Key+" "+k.Desc) {
				return a.pressed(k.Key)
			}
		}
	}
	return nil
}

// pressed does what a key does.
func (a *App) pressed(name string) tea.Cmd {
	msg, ok := keyNamed(name)
	if !ok {
		return nil
	}
	return a.key(msg)
}

// dialogMouse chooses what is clicked on in a dialog, and turns its text with the wheel.
func (a *App) dialogMouse(d dialog, msg tea.MouseMsg) tea.Cmd {
	m := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		if m.Button == tea.MouseWheelUp {
			return a.dialogDo(d, "up")
		}
		return a.dialogDo(d, "down")
	case tea.MouseClickMsg:
	default:
		return nil
	}
	s := d.view(a.ctx, a.w-4, a.h-2)
	x, y, w, h := a.place(s)
	if m.Button != tea.MouseLeft || m.X < x || m.X >= x+w || m.Y < y || m.Y >= y+h {
		return nil
	}
	const head, below, left = 2, 3, 3 // of a card: lines over what it holds, the foot and what is under it, cells at the left
	if m.Y == y+h-below {
		return a.dialogDo(d, replyAt(a.ctx, d.replies(), m.X-x-left))
	}
	if c, ok := d.(clickable); ok {
		return c.click(a, m.X-x-left, m.Y-y-head)
	}
	if c, ok := d.(chooser); ok && c.choose(m.Y-y-head) {
		return a.dialogDo(d, chooseAction)
	}
	return nil
}

// dialogDo does one of a dialog's actions, which may have lost its keys.
func (a *App) dialogDo(d dialog, action string) tea.Cmd {
	for _, b := range d.bindings(a) {
		if b.Name() == action || action == escapeReply && slices.Contains(b.Keys, "esc") {
			return b.Run()
		}
	}
	return nil
}

// place is where a dialog lies, and how large it is.
func (a *App) place(s string) (x, y, w, h int) {
	w, h = lipgloss.Size(s)
	return (a.w - w) / 2, max(0, (a.h-h)/2), w, h
}

// replyAt is the action of the reply that is in a column of the foot.
func replyAt(ctx *pane.Context, replies []reply, x int) string {
	at := 0
	for _, r := range replies {
		w := widget.Width(r.draw(ctx))
		if x >= at && x < at+w {
			return r.action
		}
		at += w + replyGap
	}
	return ""
}

// keyNamed is the key that Bubble Tea gives a name; not of those that are no keys.
func keyNamed(name string) (tea.KeyPressMsg, bool) {
	var k tea.Key
	for {
		mod, rest, more := strings.Cut(name, "+")
		m, ok := map[string]tea.KeyMod{"ctrl": tea.ModCtrl, "alt": tea.ModAlt, "shift": tea.ModShift}[mod]
		if !more || !ok || rest == "" {
			break
		}
		k.Mod, name = k.Mod|m, rest
	}
	named := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "backspace": tea.KeyBackspace,
		"delete": tea.KeyDelete, "insert": tea.KeyInsert, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
		"f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4, "f5": tea.KeyF5, "f6": tea.KeyF6,
		"f7": tea.KeyF7, "f8": tea.KeyF8, "f9": tea.KeyF9, "f10": tea.KeyF10, "f11": tea.KeyF11, "f12": tea.KeyF12,
	}
	if code, ok := named[name]; ok {
		k.Code = code
		if code == tea.KeySpace && k.Mod == 0 {
			k.Text = " "
		}
		return tea.KeyPressMsg(k), true
	}
	letters := []rune(name)
	if len(letters) != 1 {
		return tea.KeyPressMsg{}, false
	}
	k.Code = letters[0]
	if k.Mod == 0 {
		k.Text = name
	}
	return tea.KeyPressMsg(k), true
}
