package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/component"
	"kubarium/ui/layout"
	"kubarium/ui/uitest"
)

// TestManyComponents proves that of more components than there is room for, all show
// their sign, those in trouble and the selected one their name, and each can be clicked.
func TestManyComponents(t *testing.T) {
	d := up(t, 80, 24)
	list := uitest.Components()
	for _, name := range []string{"cloud-controller-manager", "network-policy", "storage-provisioner", "metrics-server", "traefik"} {
		list = append(list, component.Info{Name: name, State: component.Ready})
	}
	list[len(list)-2].State = component.Failed
	d.send(componentsMsg(list))
	d.sees("● network", "● scheduler ○ 1 waiting", "✗ metrics-server Failed")
	at := d.app.layout.Rect(layout.Components)
	row := 0
	if at.H >= 3 {
		row = 1
	}
	line := strings.Split(d.screen(), "\n")[at.Y+row]
	if n := strings.Count(line, "●"); n != 10 {
		t.Errorf("%d signs of components that are ready: %s", n, line)
	}
	d.seesNot("storage-provisioner")
	// The sign before the one in trouble is the storage provisioner's.
	before, _, _ := strings.Cut(line, "✗")
	d.send(tea.MouseClickMsg{X: at.X + len([]rune(before)) - 2, Y: at.Y + row, Button: tea.MouseLeft})
	d.sees("● storage-provisioner")
}
