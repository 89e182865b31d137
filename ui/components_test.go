package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/component"
	"kubarium/ui/layout"
	"kubarium/ui/uitest"
)

// TestManyComponents proves that of more components than there is room for, those in trouble
// and the selected one have their name, that the others are counted, and that each can be
// reached.
func TestManyComponents(t *testing.T) {
	d := up(t, 80, 24)
	d.send(componentsMsg(manyComponents()))
	d.sees("● apiserver", "● scheduler ○ 1 waiting", "✗ metrics Failed", " more")
	at := d.app.layout.Rect(layout.Components)
	line := func() string { return strings.Split(d.screen(), "\n")[at.Y] }
	// Every sign has a word.
	for i, word := range strings.Split(line(), "●") {
		if i > 0 && strings.TrimSpace(word) == "" {
			t.Errorf("a sign says nothing: %s", line())
		}
	}
	d.seesNot("storage")
	before, _, _ := strings.Cut(line(), " more")
	d.send(tea.MouseClickMsg{X: at.X + len([]rune(before)), Y: at.Y, Button: tea.MouseLeft})
	seen := line()
	for range 11 {
		d.press("right")
		seen += line()
	}
	for _, name := range []string{"cloud-controllers", "network-policy", "storage", "metrics Failed", "traefik"} {
		if !strings.Contains(seen, name) {
			t.Errorf("%s cannot be reached", name)
		}
	}
}

// manyComponents are those of a cluster with add-ons, one of which is in trouble.
func manyComponents() []component.Info {
	list := uitest.Components()
	for _, name := range []string{"cloud-controller-manager", "network-policy", "storage-provisioner", "metrics-server", "traefik"} {
		list = append(list, component.Info{Name: name, State: component.Ready})
	}
	list[len(list)-2].State = component.Failed
	return list
}
