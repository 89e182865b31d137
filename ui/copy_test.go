package ui

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/pane"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// clipboard is what a command gives to the terminal's clipboard.
func clipboard(t *testing.T, d *driver, key string) string {
	t.Helper()
	_, cmd := d.app.Update(keyPress(key))
	return findClipboard(d, cmd)
}

func findClipboard(d *driver, cmd tea.Cmd) string {
	if cmd == nil {
		return ""
	}
	msg := cmd()
	if batch, ok := msg.(tea.BatchMsg); ok {
		for _, c := range batch {
			if text := findClipboard(d, c); text != "" {
				return text
			}
		}
		return ""
	}
	if strings.Contains(typeName(msg), "setClipboardMsg") {
		return fmt.Sprint(reflect.ValueOf(msg))
	}
	return ""
}

func TestCopy(t *testing.T) {
	d := up(t, 120, 40)
	for _, c := range []struct {
		press []string
		want  string
	}{
		{[]string{"1", "right"}, "registry"},
		{[]string{"2"}, "node-1"},
		{[]string{"3", "down"}, "too-big"},
		{[]string{"5"}, "BackOff Pod/"},
	} {
		d.press(c.press...)
		if got := clipboard(t, d, "c"); !strings.HasPrefix(got, c.want) {
			t.Errorf("after %v: copied %q, not %q", c.press, got, c.want)
		}
		d.sees("to the clipboard: " + c.want)
	}
	d.press("3", "enter")
	if got := clipboard(t, d, "c"); got != "too-big" {
		t.Errorf("of an object: %q", got)
	}
	d.press("esc", "y")
	if got := clipboard(t, d, "c"); !strings.HasPrefix(got, "apiVersion: v1\nkind: Pod") {
		t.Errorf("its YAML: %q", got)
	}
	d.press("esc")
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Pod", Namespace: "default", Name: "web-5b978d69-4kq9z"}, Tab: pane.Logs})
	if got := clipboard(t, d, "c"); got != "red and    tabs" && !strings.HasPrefix(got, "red and") {
		t.Errorf("the log's line: %q", got)
	}
	d.app.copied("all", strings.Repeat("x", mostCopied+1))
	d.sees("Not copied", "all has 56 KiB")
}

func TestCopyOfNothing(t *testing.T) {
	d := newDriver(t, 120, 40)
	d.app.booting = false
	d.send(componentsMsg(uitest.Components()))
	d.press("3")
	if got := clipboard(t, d, "c"); got != "" {
		t.Errorf("copied %q", got)
	}
	d.sees("nothing is selected")
}
