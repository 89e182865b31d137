package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/component"
	"kubarium/ui/theme"
)

// Freezer is a Cluster whose nodes can be stopped where they are.
type Freezer interface {
	Freeze(ctx context.Context) error
	Thaw(ctx context.Context) error
}

// frozen reports whether the world stands still, as far as the app was told.
func (a *App) frozen() bool {
	for _, c := range a.ctx.Components {
		if c.State == component.Frozen {
			return true
		}
	}
	return false
}

func (a *App) noFreezer() string {
	if _, ok := a.opts.Cluster.(Freezer); !ok {
		return "the nodes of this cluster are not ours to freeze"
	}
	return ""
}

// toggleFreeze stops the world, or lets it go on.
func (a *App) toggleFreeze() tea.Cmd {
	f := a.opts.Cluster.(Freezer)
	if a.frozen() {
		return a.do("thawing the world: waiting for its nodes", "the world goes on", f.Thaw)
	}
	return a.do("freezing the world", "the world is frozen", f.Freeze)
}

func (a *App) freezeDesc() string {
	if a.frozen() {
		return "thaw"
	}
	return "freeze"
}

// frozenWord stands in the status line while the world does.
func (a *App) frozenWord() string {
	t := a.ctx.Theme
	return t.Tone(theme.Busy).Bold().Reverse().Render(" FROZEN ")
}
