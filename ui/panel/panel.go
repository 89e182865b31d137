// Package panel is the contract between the app and what stands beside the
// cluster's panes: a right-hand column on wide terminals, the whole screen on
// narrow ones. Lessons live in one.
package panel

import (
	tea "charm.land/bubbletea/v2"
	"k8s.io/client-go/rest"

	"kubarium/ui/keys"
	"kubarium/ui/theme"
)

// Panel is a guest of the app. All methods are called from the program's one
// update goroutine; IO belongs in the commands that Init and Update return.
type Panel interface {
	// Title is the panel's heading, drawn by the app in the frame around it.
	Title() string
	// Init is called once, when the app starts.
	Init() tea.Cmd
	// Update sees every message that the app does not take for itself: keys and
	// mouse events only while the panel has the focus, everything else always.
	// Mouse positions are relative to the panel's content.
	Update(msg tea.Msg) tea.Cmd
	// View draws the content in exactly the space given, without a frame. It does
	// no IO and changes nothing but caches.
	View(width, height int) string
	// Keys are the panel's own keys, for the key bar and the help page. The app
	// keeps for itself: tab, shift+tab, ":", "?", "q", ctrl+c, "L" and F2.
	Keys() keys.Set
	// Focused says that the panel now has, or no longer has, the focus.
	Focused(focused bool)
}

// Capturer is implemented by a panel that reads text, such as the answer to a
// question. While Capturing reports true, every key but ctrl+c and F2 goes to
// the focused panel.
type Capturer interface {
	Capturing() bool
}

// Styled is implemented by a panel that follows the app's colours.
type Styled interface {
	// SetDark is called before the first View and whenever the theme changes.
	SetDark(dark bool)
}

// Pointer is implemented by a panel that speaks of parts of the screen, which are marked then.
type Pointer interface {
	// Points are the names of panes, as package layout has them.
	Points() []string
}

// Marker is implemented by a panel that speaks of keys and of single objects, which are
// marked then.
type Marker interface {
	// MarkedKeys are names of keys, as Bubble Tea has them.
	MarkedKeys() []string
	// MarkedObjects are objects of the map.
	MarkedObjects() []Object
}

// Object names an object, or a component of the control plane.
type Object struct{ Kind, Namespace, Name string }

// Themed is implemented by a panel that takes the app's theme as it is; it is
// asked instead of Styled.
type Themed interface {
	// SetTheme is called before the first View and whenever the theme changes.
	SetTheme(t *theme.Theme)
}

// RunMsg asks the app to put a command in its command line, ready for the
// learner to run with enter. "kubectl" in front is optional.
type RunMsg struct {
	Command string
	// Now has it run at once, before the learner's eyes; the end is told by a CommandRanMsg.
	Now bool
}

// OpenMsg asks the app to show panes of the map, by their names, or views over it.
type OpenMsg struct{ Names []string }

// BeganMsg tells the app in which namespace what the panel speaks of is: it must be to be seen.
type BeganMsg struct{ Namespace string }

// LookedMsg tells the panel what the user looks at now: a view (list, describe, yaml, logs,
// events, inside, story, tree, glass, etcd, graphs), and of what it is.
type LookedMsg struct{ View, Resource, Namespace, Name string }

// FocusMsg asks the app to show the panel and give it the focus.
type FocusMsg struct{}

// CommandRanMsg tells the panel that a command of the command line ended.
type CommandRanMsg struct {
	// Line is the command as typed, with "kubectl" in front.
	Line string
	// ExitCode is the process's exit code; -1 if it did not start or was cancelled.
	ExitCode int
	// Output is what it printed, both streams; its beginning if it was very long,
	// and empty if the command had the whole screen for itself.
	Output string
}

// ConnectedMsg tells the panel that the API server answers. It comes again when
// the server was gone and has come back.
type ConnectedMsg struct {
	Config *rest.Config
}
