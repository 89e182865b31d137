// Package pane has the panes of the main screen: one file each. A pane shows the
// last snapshot, keeps a cursor in it, and turns keys into messages that say what
// is to be done; it does nothing to the cluster itself.
package pane

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/component"
	"kubarium/ui/facts"
	"kubarium/ui/gauge"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/rights"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Context is what all panes look at. The root model owns it and changes it
// between updates only.
type Context struct {
	Theme      *theme.Theme
	Snapshot   *watch.Snapshot
	Components []component.Info
	Now        time.Time
	// Frame counts the steps of moving signs; it stands still without motion.
	Frame int
	// Motion has the changes that are shown in motion.
	Motion Motion
	// Rates are how often in a second something happens in a component.
	Rates map[string]float64
	// NodeUse is what nodes use just now, by name, and PodUse what pods use, by
	// "namespace/name"; nil if nobody knows.
	NodeUse, PodUse map[string]gauge.Use
	// Kind is the group and the resource of an object's kind, if the server has told them.
	Kind func(watch.Ref) (group, resource string, ok bool)
	// Marks say what is broken or held on purpose, by the name of a node or a component.
	Marks map[string]string
	// Points are objects of which a lesson speaks: they are marked.
	Points map[watch.Ref]bool
	// Service is the chosen service, whose pods are marked; nil if none is.
	Service *facts.Service
	// Namespace, if not empty, is the only one shown; Text is to be found in what
	// is shown.
	Namespace, Text string
	// Version is the version of an object that is not in the snapshot, "" if nobody follows
	// it; it may be nil.
	Version func(watch.Ref) string
	// Down says that the API server does not answer.
	Down bool
	// Keys are those that the user has given to actions; most screens need not know.
	Keys keys.Remap
	// Rights are what the user may do; nil if nobody knows.
	Rights *rights.Rights
	// Life ends with the app; nil is one that does not end.
	Life context.Context
}

// Lifetime ends with the app: what the commands of panes and screens ask for ends with it.
func (c *Context) Lifetime() context.Context {
	if c.Life == nil {
		return context.Background()
	}
	return c.Life
}

// orRefused says that the user may not see the objects of a kind, or the note.
func (c *Context) orRefused(kind, note string) string {
	return c.OrRefused(kind, c.Namespace, note)
}

// OrRefused says that the user may not see the objects of a kind in a namespace, or the note.
func (c *Context) OrRefused(kind, namespace, note string) string {
	if why := c.Refuses("list", watch.Ref{Kind: kind, Namespace: namespace}, ""); why != "" {
		return strings.ToUpper(why[:1]) + why[1:] + "."
	}
	return note
}

// pointed marks the name of an object of which a lesson speaks.
func (c *Context) pointed(kind, namespace, name string, ink theme.Ink) (string, theme.Ink) {
	if !c.Points[watch.Ref{Kind: kind, Namespace: namespace, Name: name}] {
		return name, ink
	}
	return c.Theme.Icons.Cursor + name, c.Theme.Tone(theme.Accent).Bold()
}

// Refuses says why the API server will refuse to do something to one of the objects that
// panes have; "" if it will not.
func (c *Context) Refuses(verb string, r watch.Ref, subresource string) string {
	resource, group := strings.ToLower(r.Kind)+"s", ""
	switch r.Kind {
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet":
		group = "apps"
	}
	if c.Kind != nil {
		if g, name, ok := c.Kind(r); ok {
			resource, group = name, g
		}
	}
	if subresource != "" {
		resource += "/" + subresource
	}
	return c.Rights.Why(r.Namespace, verb, group, resource, r.Name)
}

// showsAll reports whether there are no filters.
func (c *Context) showsAll() bool { return c.Namespace == "" && c.Text == "" }

// Shows reports whether the filters let an object through.
func (c *Context) Shows(namespace string, words ...string) bool {
	return (c.Namespace == "" || namespace == c.Namespace) && c.Fits(words...)
}

// Fits reports whether the text filter lets these words through. One that begins with !
// keeps out what it finds.
func (c *Context) Fits(words ...string) bool {
	text, not := strings.CutPrefix(strings.ToLower(c.Text), "!")
	if text == "" {
		return true
	}
	found := slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(w), text) })
	return found != not
}

// Component finds a component by name.
func (c *Context) Component(name string) (component.Info, bool) {
	for _, i := range c.Components {
		if i.Name == name {
			return i, true
		}
	}
	return component.Info{}, false
}

// Pane is one part of the main screen.
type Pane interface {
	Name() layout.Name
	// Title is the pane's name and how much it holds: "Pods", "7 of 12".
	Title() (title, count string)
	// Sync takes over what has changed in the Context.
	Sync()
	// SetSize tells the room for the next View, frame included.
	SetSize(w, h int)
	// View draws the pane with its frame. tabs, if not empty, takes the title's place.
	View(focused bool, tabs string) string
	Bindings() keys.Set
	// Click is a mouse click inside the pane, Wheel a turn of its wheel.
	Click(x, y int) tea.Cmd
	Wheel(by int)
}

// Tab is a part of the detail view.
type Tab string

// The tabs of the detail view.
const (
	Summary  Tab = "Summary"
	Describe Tab = "Describe"
	YAML     Tab = "YAML"
	Logs     Tab = "Logs"
	Events   Tab = "Events"
	Inside   Tab = "Inside"
	Story    Tab = "Story"
)

// OpenMsg asks to show an object in detail.
type OpenMsg struct {
	Ref watch.Ref
	Tab Tab
	// Edit has it edited at once, and left when that is done.
	Edit bool
}

// ForwardMsg asks for a forward to an object: its command is written, to be run or changed.
type ForwardMsg struct{ Ref watch.Ref }

// TreeMsg asks to show what an object owns, and what owns it.
type TreeMsg struct{ Ref watch.Ref }

// OpenLogMsg asks to show a component's log.
type OpenLogMsg struct {
	Component string
}

// DeleteMsg asks to delete an object, after asking the user.
type DeleteMsg struct {
	Ref watch.Ref
}

// PromptMsg asks to put a kubectl command into the command line, to be run as it is or
// changed first: what the app does to the cluster can be learnt from it.
type PromptMsg struct{ Command string }

// ShellMsg asks for a shell in a pod.
type ShellMsg struct{ Ref watch.Ref }

// Verb is what can be done to a component or a node's machine.
type Verb string

// The verbs.
const (
	Start Verb = "start"
	Stop  Verb = "stop"
	Kill  Verb = "kill"
)

// PowerMsg asks to start, stop or kill a component or a node.
type PowerMsg struct {
	Verb Verb
	Name string
	Node bool
}

// ServiceMsg says that another service was chosen.
type ServiceMsg struct{}

// LeaveMsg asks to move the focus to the pane on that side.
type LeaveMsg struct {
	DX, DY int
}

func send(msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }

// frame draws the frame around a pane.
func frame(c *Context, title, right, tabs string, focused bool, s *widget.Scroll) widget.Box {
	t := c.Theme
	b := widget.Box{Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis, Scroll: s, Thumb: t.Icons.ScrollThumb}
	b.Title, b.Right = t.HeadingBold.Render(title), t.Heading.Render(right)
	if focused {
		b.Style = t.BorderFocus
		b.Title = t.Key.Render(title)
	}
	if tabs != "" {
		b.Title, b.Right = tabs, "" // the tabs have the count
	}
	return b
}

// empty is a note in the middle of a pane that has nothing to show.
func empty(c *Context, w, h int, lines ...string) string {
	styled := make([]string, len(lines))
	for i, l := range lines {
		styled[i] = c.Theme.Tone(theme.Muted).Render(l)
	}
	return widget.Center(strings.Join(styled, "\n"), w, h)
}

// PodSign is the shape and the tone of a pod's state.
func PodSign(c *Context, s facts.State) (string, theme.Tone) {
	i := c.Theme.Icons
	switch s {
	case facts.NotReady:
		return i.NotReady, theme.Warn
	case facts.Pending:
		return i.Pending, theme.Busy
	case facts.Pulling:
		return step(c, i.PullingMove), theme.Busy
	case facts.Creating:
		return step(c, i.CreatingMove), theme.Busy
	case facts.Restarting:
		return step(c, i.RestartingMove), theme.Warn
	case facts.Failing:
		return i.Failing, theme.Bad
	case facts.Evicted:
		return i.Evicted, theme.Bad
	case facts.Completed:
		return i.Completed, theme.Muted
	case facts.Terminating:
		return step(c, i.TerminatingMove), theme.Muted
	case facts.Unknown:
		return i.Unknown, theme.Warn
	}
	return i.Running, theme.OK
}

// step is the shape of a moving sign just now.
func step(c *Context, shapes []string) string { return shapes[c.Frame/3%len(shapes)] }

// ComponentSign is the shape and the tone of a component's state.
func ComponentSign(c *Context, s component.State) (string, theme.Tone) {
	i := c.Theme.Icons
	switch s {
	case component.Ready:
		return i.Running, theme.OK
	case component.Starting, component.Stopping:
		return i.Spinner[c.Frame%len(i.Spinner)], theme.Busy
	case component.Unhealthy:
		return i.NotReady, theme.Warn
	case component.Frozen:
		return i.Frozen, theme.Busy
	case component.Failed:
		return i.Failing, theme.Bad
	}
	return i.Stopped, theme.Muted
}
