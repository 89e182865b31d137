package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/detail"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// actionTime is how long something that the user asked for may take.
const actionTime = 2 * time.Minute

func (a *App) open(msg pane.OpenMsg) tea.Cmd {
	return a.leaveDetail(func() tea.Cmd {
		view, cmd := detail.Open(a.ctx, a.backend, msg.Ref, msg.Tab)
		a.pushScreen(view)
		if msg.Edit {
			return tea.Batch(cmd, view.EditOnly())
		}
		return cmd
	})
}

func (a *App) openLog(msg pane.OpenLogMsg) tea.Cmd {
	return a.leaveDetail(func() tea.Cmd {
		view, cmd := detail.OpenLog(a.ctx, a.backend, msg.Component)
		a.pushScreen(view)
		return cmd
	})
}

// leaveDetail makes room for another object, and then opens it: they do not lie on each other.
func (a *App) leaveDetail(then func() tea.Cmd) tea.Cmd {
	view, ok := a.top().(*detail.View)
	if !ok {
		return then()
	}
	return a.leaving([]screen{view}, func() tea.Cmd {
		if a.top() == view { // it may have ended while the question was open
			a.popScreen()
		}
		return then()
	})
}

// prompt opens the command line, with a command in it if there is one.
func (a *App) prompt(text string) tea.Cmd {
	a.filters.open = false
	cmd := tea.Batch(a.discover(), a.line.Focus(strings.TrimPrefix(strings.TrimSpace(text), "kubectl ")))
	a.relayout()
	return cmd
}

// suggest puts a command where the user runs it: into the terminal if it is shown.
func (a *App) suggest(text string) tea.Cmd {
	if a.room == layout.NoTerminal || !a.terminal.Running() {
		return a.prompt(text)
	}
	a.setFocus(layout.Terminal)
	a.terminal.Type(shellLine(text))
	return nil
}

// shellLine is a command as a shell wants it: with the program in front.
func shellLine(text string) string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "kubarium ") {
		return text
	}
	return "kubectl " + strings.TrimPrefix(text, "kubectl ")
}

// typeOut runs a command where the user sees it typed: in the terminal if its shell waits
// for one, else in the command line. The panel is told when it has ended.
func (a *App) typeOut(text string) tea.Cmd {
	if a.room != layout.NoTerminal && a.terminal.Ready() {
		a.terminal.Enter(shellLine(text))
		return nil
	}
	cmd, err := a.line.Play(text)
	a.relayout()
	if err != nil {
		return a.tell(panel.CommandRanMsg{Line: text, ExitCode: -1, Output: err.Error()})
	}
	return cmd
}

// do runs something in a command and reports how it went.
func (a *App) do(doing, done string, f func(context.Context) error) tea.Cmd {
	ctx, d := a.begin(doing)
	return func() tea.Msg {
		if err := f(ctx); err != nil {
			return doneMsg{doing: d, err: fmt.Errorf("%s: %w", doing, err)}
		}
		return doneMsg{doing: d, note: done}
	}
}

// done reports a success for a while, and a failure until it was read.
func (a *App) done(msg doneMsg) {
	a.end(msg.doing)
	if errors.Is(msg.err, context.Canceled) {
		a.cancelled(msg.doing)
		return
	}
	if msg.err != nil {
		a.note = notice{}
		a.keepSaid(msg.err.Error(), theme.Bad)
		a.push(note("That did not work", msg.err.Error()))
		return
	}
	a.say(theme.OK, msg.doing.tooLate()+msg.note)
}

func (a *App) askDelete(ref watch.Ref) {
	where := ""
	if ref.Namespace != "" {
		where = " in namespace " + ref.Namespace
	}
	text, back := fmt.Sprintf("%s%s is deleted for good.", ref, where), "nothing brings it back"
	if a.noRewinder() == "" {
		text, back = fmt.Sprintf("%s%s is deleted.\n\n"+undoable, ref, where), "only u brings it back"
	}
	if ref.Kind == "Pod" {
		text += "\n\nIf a controller owns it (a ReplicaSet, a DaemonSet), a new pod takes its place. Else " + back + "."
	}
	b := a.backend
	a.push(&confirm{title: "Delete " + ref.String() + "?", text: text, yes: "delete", do: func(a *App) tea.Cmd {
		return a.do("deleting "+ref.String(), ref.String()+" deleted", func(ctx context.Context) error { return b.Delete(ctx, ref) })
	}})
}

// undoable tells of a change that is done that it can be undone, and what that cannot do.
const undoable = "u takes it back for some minutes, but not what volumes and memory held."

// askPower stops or starts a component or a node; what takes something away is
// asked first.
func (a *App) askPower(msg pane.PowerMsg) tea.Cmd {
	c := a.opts.Cluster
	type action struct {
		doing, done string
		f           func(context.Context, string) error
	}
	var act action
	switch {
	case msg.Node && msg.Verb == pane.Start:
		act = action{"starting " + msg.Name, msg.Name + " starts", c.StartNode}
	case msg.Node && msg.Verb == pane.Kill:
		act = action{"cutting the power of " + msg.Name, msg.Name + " has no power", c.KillNode}
	case msg.Node:
		act = action{"stopping " + msg.Name, msg.Name + " stopped", c.StopNode}
	case msg.Verb == pane.Start:
		act = action{"starting " + msg.Name, msg.Name + " started", c.StartComponent}
	default:
		act = action{"stopping " + msg.Name, msg.Name + " stopped", c.StopComponent}
	}
	do := func(a *App) tea.Cmd {
		return a.do(act.doing, act.done, func(ctx context.Context) error { return act.f(ctx, msg.Name) })
	}
	if msg.Verb == pane.Start {
		return do(a)
	}
	a.push(&confirm{title: powerTitle(msg), text: powerText(msg), yes: string(msg.Verb), do: do})
	return nil
}

func powerTitle(msg pane.PowerMsg) string {
	if msg.Verb == pane.Kill {
		return "Cut the power of " + msg.Name + "?"
	}
	return "Stop " + msg.Name + "?"
}

func powerText(msg pane.PowerMsg) string {
	switch {
	case msg.Verb == pane.Kill:
		return "All that runs on the node is gone at once, and nobody tells the control plane. Watch how long it takes to notice."
	case msg.Node:
		return "Its kubelet, kube-proxy and containerd end, and all its containers. s starts it again."
	case msg.Name == "kube-apiserver":
		return "Nothing can be seen or changed while it is away; pods go on running. s starts it again."
	case msg.Name == "etcd":
		return "The API server has nothing to answer from while it is away. s starts it again."
	}
	return "Its work is left undone while it is away; all else goes on. s starts it again."
}

func (a *App) askQuit() {
	text := "The cluster stops. What is in it is kept: the next start is a reboot of the same cluster."
	if a.opts.Guest {
		text = "The cluster goes on without you."
	}
	if unsaved(a.screens) {
		text = "What you wrote is not saved, and is thrown away.\n\n" + text
	}
	a.push(&confirm{
		title: "Leave kubarium?", yes: "leave", text: text, leaves: true,
		do: func(a *App) tea.Cmd { a.quit = true; return nil },
	})
}

func (a *App) pickNamespace() {
	items := append([]string{""}, a.ctx.Snapshot.Namespaces...)
	at := 0
	for i, n := range items {
		if n == a.ctx.Namespace {
			at = i
		}
	}
	a.push(&picker{title: "Namespace", items: items, at: at, name: func(s string) string {
		if s == "" {
			return "all namespaces"
		}
		return s
	}, do: func(a *App, item string) tea.Cmd {
		a.ctx.Namespace = item
		return a.sync()
	}})
}
