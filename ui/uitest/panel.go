package uitest

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/panel"
	"kubarium/ui/widget"
)

// Panel is a panel with some text in it. It keeps what it was told.
type Panel struct {
	// More are keys that it has beside r.
	More     keys.Set
	HasFocus bool
	Seen     []tea.Msg
}

var _ panel.Panel = (*Panel)(nil)

// Title implements panel.Panel.
func (p *Panel) Title() string { return "Lesson: Your first pod" }

// Init implements panel.Panel.
func (p *Panel) Init() tea.Cmd { return nil }

// Update implements panel.Panel: r puts a command in the command line.
func (p *Panel) Update(msg tea.Msg) tea.Cmd {
	p.Seen = append(p.Seen, msg)
	if k, ok := msg.(tea.KeyPressMsg); ok && k.String() == "r" {
		return func() tea.Msg { return panel.RunMsg{Command: "kubectl get nodes"} }
	}
	return nil
}

// View implements panel.Panel.
func (p *Panel) View(width, height int) string {
	text := "A pod is the smallest thing that Kubernetes runs: one or more containers that share an address and live and die together.\n\n" +
		"Make one:\n\n    kubectl run web --image=kubarium/web:1.0\n\nand watch where it appears."
	var lines []string
	for _, par := range strings.Split(text, "\n") {
		lines = append(lines, widget.Lines(par, width)...)
	}
	return widget.Block(lines, width, height, "")
}

// Keys implements panel.Panel.
func (p *Panel) Keys() keys.Set {
	return append(keys.Set{{Keys: []string{"r"}, Desc: "run", Bar: true}}, p.More...)
}

// Focused implements panel.Panel.
func (p *Panel) Focused(focused bool) { p.HasFocus = focused }
