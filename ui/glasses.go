package ui

import (
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/etcd"
	"kubarium/ui/glass"
	"kubarium/ui/theme"
)

// openGlass shows what happens inside the components.
func (a *App) openGlass() tea.Cmd {
	if a.opts.Glass.Flow == nil {
		a.say(theme.Warn, noGlass)
		return nil
	}
	if _, open := a.top().(*glass.View); open {
		return nil
	}
	sources := a.opts.Glass
	if a.tick.off {
		sources.Every = 0
	}
	a.ctx.Text = ""
	view, cmd := glass.Open(a.ctx, sources)
	a.pushScreen(view)
	return tea.Batch(cmd, a.sync())
}

func (a *App) noGlass() string {
	if a.opts.Glass.Flow == nil {
		return noGlass
	}
	return ""
}

// openEtcd shows what is in etcd, from a prefix on.
func (a *App) openEtcd(prefix string) tea.Cmd {
	if a.opts.Etcd.Keys == nil {
		a.say(theme.Warn, noGlass)
		return nil
	}
	a.ctx.Text = ""
	view, cmd := etcd.Open(a.ctx, a.opts.Etcd, prefix)
	a.pushScreen(view)
	return tea.Batch(cmd, a.sync())
}

// noGlass is said where nobody sees inside.
const noGlass = "this cluster was started elsewhere, or without taps: nobody sees inside its components"
