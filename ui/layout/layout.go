// Package layout turns the size of the terminal into named rectangles. It is
// arithmetic only: what is drawn in a rectangle is not known here.
package layout

// MinWidth and MinHeight are the smallest terminal the app is drawn in.
const (
	MinWidth  = 80
	MinHeight = 24
)

// Widths and heights at which the screen gains something.
const (
	wideWidth   = 100 // all lists side by side
	roomyWidth  = 160 // services can have all their columns
	tallHeight  = 30  // the tanks are always in view
	panelWidth  = 120 // a panel fits beside the cluster
	stripBoxed  = 30  // the components get a frame
	maxPanel    = 72
	minPanel    = 44
	minListRows = 5 // frame, heading and two rows
	minTerminal = 10
	maxTerminal = 34
)

// Rect is a part of the screen, in cells.
type Rect struct {
	X, Y, W, H int
}

// Empty reports whether nothing can be drawn in r.
func (r Rect) Empty() bool { return r.W <= 0 || r.H <= 0 }

// Contains reports whether the cell at x, y is in r.
func (r Rect) Contains(x, y int) bool {
	return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H
}

// Right and Bottom are the first column and row after r.
func (r Rect) Right() int  { return r.X + r.W }
func (r Rect) Bottom() int { return r.Y + r.H }

// Name names a rectangle.
type Name string

// The rectangles of the main screen.
const (
	Status     Name = "status"
	Components Name = "components"
	Tanks      Name = "nodes"
	Pods       Name = "pods"
	Services   Name = "services"
	Events     Name = "events"
	Panel      Name = "panel"
	Output     Name = "output"
	Terminal   Name = "terminal"
	Keys       Name = "keys"
)

// Room is how much of the cluster's place the terminal takes.
type Room int

// The terminal's sizes.
const (
	NoTerminal Room = iota
	HalfTerminal
	FullTerminal
)

// Options are what else the layout depends on.
type Options struct {
	// Panel asks for a panel, which is beside the cluster on wide terminals and
	// takes the cluster's place on narrow ones.
	Panel bool
	// Output asks for the command line's dock, which a terminal takes the place of.
	Output   bool
	Terminal Room
	// Map gives the tanks the room of all lists.
	Map bool
	// Nodes and Pods are how many there are: the tanks are no taller than needed.
	Nodes, PodsPerNode int
}

// Layout is the screen cut into rectangles.
type Layout struct {
	W, H int
	// TooSmall says that nothing fits.
	TooSmall bool
	// PanelOver says that the panel covers the cluster's panes.
	PanelOver bool
	// Tabs are the panes that share one rectangle, in their order; none if each
	// has its own.
	Tabs []Name
	// StripBoxed says that the components have room for a frame.
	StripBoxed bool

	rects map[Name]Rect
}

// Rect is the rectangle of that name; empty if the screen has none.
func (l Layout) Rect(n Name) Rect { return l.rects[n] }

// Tabbed reports whether the pane shares its rectangle with others.
func (l Layout) Tabbed(n Name) bool {
	for _, t := range l.Tabs {
		if t == n {
			return true
		}
	}
	return false
}

// Hit names the rectangle under a cell. Panes that share one are named by the
// first of them.
func (l Layout) Hit(x, y int) Name {
	order := []Name{Status, Components, Panel, Output, Terminal, Tanks, Pods, Services, Events, Keys}
	for _, n := range order {
		if r, ok := l.rects[n]; ok && !r.Empty() && r.Contains(x, y) {
			return n
		}
	}
	return ""
}

// Compute cuts a terminal of w by h cells.
//
//	wide                               tall                 short
//	+--------------------------+------+ +----------------+ +----------------+
//	| status                   |      | | status         | | status         |
//	+--------------------------+      | +----------------+ +----------------+
//	| components               |      | | components     | | components     |
//	+--------------------------+panel | +----------------+ +----------------+
//	| tanks                    |      | | tanks          | | tanks, pods,   |
//	+----------------+---------+      | +----------------+ | services or    |
//	| pods           | services|      | | pods, services | | events         |
//	|                |         |      | | or events      | |                |
//	+----------------+---------+      | |                | |                |
//	| events                   |      | |                | |                |
//	+--------------------------+------+ +----------------+ +----------------+
//	| keys                            | | keys           | | keys           |
//	+---------------------------------+ +----------------+ +----------------+
func Compute(w, h int, o Options) Layout {
	l := Layout{W: w, H: h, rects: map[Name]Rect{}}
	if w < MinWidth || h < MinHeight {
		l.TooSmall = true
		return l
	}
	l.rects[Status] = Rect{0, 0, w, 1}
	l.rects[Keys] = Rect{0, h - 1, w, 1}
	body := Rect{0, 1, w, h - 2}

	if o.Panel && w >= panelWidth {
		pw := clamp(w*36/100, minPanel, maxPanel)
		l.rects[Panel] = Rect{w - pw, body.Y, pw, body.H}
		body.W -= pw
	}
	switch {
	case o.Terminal == FullTerminal:
		l.rects[Terminal] = body
		return l
	case o.Terminal == HalfTerminal:
		th := clamp(h*45/100, minTerminal, maxTerminal)
		l.rects[Terminal] = Rect{body.X, body.Bottom() - th, body.W, th}
		body.H -= th
	case o.Output:
		oh := clamp(h*2/5, 9, 24)
		l.rects[Output] = Rect{body.X, body.Bottom() - oh, body.W, oh}
		body.H -= oh
	}
	if o.Panel && w < panelWidth {
		l.PanelOver = true
		l.rects[Panel] = body
		return l
	}
	l.cluster(body, o)
	return l
}

// cluster cuts what is left for the cluster's own panes.
func (l *Layout) cluster(body Rect, o Options) {
	strip := 1
	docked := o.Output || o.Terminal != NoTerminal
	if l.H >= stripBoxed && !(docked && body.H < 24) {
		strip, l.StripBoxed = 3, true
	}
	l.rects[Components] = Rect{body.X, body.Y, body.W, strip}
	body.Y += strip
	body.H -= strip

	switch {
	case o.Map:
		l.rects[Tanks] = body
	case body.W >= wideWidth && body.H >= 20:
		l.wide(body, o)
	case l.H >= tallHeight && body.H >= 16:
		l.tall(body, o)
	default:
		l.Tabs = []Name{Tanks, Pods, Services, Events}
		for _, n := range l.Tabs {
			l.rects[n] = body
		}
	}
}

func (l *Layout) wide(body Rect, o Options) {
	tanks := tankHeight(body, o)
	l.rects[Tanks] = Rect{body.X, body.Y, body.W, tanks}
	rest := Rect{body.X, body.Y + tanks, body.W, body.H - tanks}

	events := clamp(rest.H*2/5, minListRows, 14)
	if rest.H < 2*minListRows+4 {
		events = 0
	}
	lists := rest.H - events
	pods := rest.W * 66 / 100
	if rest.W >= roomyWidth {
		pods = rest.W * 60 / 100
	}
	l.rects[Pods] = Rect{rest.X, rest.Y, pods, lists}
	l.rects[Services] = Rect{rest.X + pods, rest.Y, rest.W - pods, lists}
	if events > 0 {
		l.rects[Events] = Rect{rest.X, rest.Y + lists, rest.W, events}
		return
	}
	l.Tabs = []Name{Services, Events}
	l.rects[Events] = l.rects[Services]
}

func (l *Layout) tall(body Rect, o Options) {
	tanks := min(tankHeight(body, o), body.H-minListRows-3)
	l.rects[Tanks] = Rect{body.X, body.Y, body.W, tanks}
	l.Tabs = []Name{Pods, Services, Events}
	for _, n := range l.Tabs {
		l.rects[n] = Rect{body.X, body.Y + tanks, body.W, body.H - tanks}
	}
}

// tankHeight is enough for a tank's frame, water line, bars and pods, and
// leaves more than half of the screen to the lists.
func tankHeight(body Rect, o Options) int {
	const around = 6 // frame, water line, two bars, one line of air
	least := 4 + max(0, body.H-30)/6
	perRow := max(1, body.W/TankMinWidth)
	rows := max(1, (max(1, o.Nodes)+perRow-1)/perRow)
	want := rows * (around + max(least, min(o.PodsPerNode, 8)))
	return clamp(want, 9, max(9, body.H*45/100))
}

// TankMinWidth is the narrowest a node is drawn.
const TankMinWidth = 24

func clamp(v, low, high int) int {
	return max(low, min(v, high))
}
