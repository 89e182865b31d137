// Package lesson is the panel in which lessons are chosen and played. All it
// knows of a lesson comes as snapshots of a player; all it does is tell the
// player what the learner wants.
package lesson

import (
	"context"
	"os/exec"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubarium/lessons"
	"kubarium/lessons/play"
	"kubarium/ui/keys"
	"kubarium/ui/panel"
	"kubarium/ui/theme"
)

// Options are what the panel needs from the app.
type Options struct {
	Course *lessons.Course
	// Progress is where it is remembered how far the learner got; nil forgets.
	Progress *play.Progress
	// WorkDir is the folder in which the command line works.
	WorkDir string
	// Kubectl runs kubectl as the learner.
	Kubectl func(ctx context.Context, args ...string) *exec.Cmd
	// Control stops and starts nodes and components; Namespace lets kubectl
	// work in a namespace.
	Control   play.Control
	Namespace func(name string) error
	// Open is the id of a lesson to open as soon as the cluster is there.
	Open string
	// ASCII keeps to plain signs.
	ASCII bool
	// Keys gives actions other keys.
	Keys keys.Remap
	// Client and Clock stand in for cluster and time in tests.
	Client dynamic.Interface
	Clock  clock.Clock
}

// page is what the panel shows.
type page int

const (
	pageList page = iota
	pageLesson
	pageGlossary
)

// Panel is the lesson panel.
type Panel struct {
	ctx  context.Context
	opts Options

	theme   *theme.Theme
	prose   *prose
	config  *rest.Config
	focused bool

	page   page
	behind page // what the glossary covers
	cursor int
	ask    question
	scroll scroller
	// clicks are what a click does in the lines of the last View.
	clicks clicks

	wanted *lessons.Lesson
	player *play.Player
	stop   func()
	// ended is closed when the player is; leaving is that of the one before.
	ended, leaving <-chan struct{}
	opening        bool
	failed         string
	snap           play.Snapshot
	// answered is the question that was answered last.
	answered int
	ticking  bool
	// looked is what the learner looks at in the app.
	looked lessons.Look
	// typist has lines of solutions typed in the app; typing is the one that runs.
	typist typist
	typing *typedLine
}

// question is something the learner has to confirm.
type question struct {
	text string
	yes  func() tea.Cmd
}

var (
	_ panel.Panel  = (*Panel)(nil)
	_ panel.Styled = (*Panel)(nil)
	_ panel.Themed = (*Panel)(nil)
)

// New returns the panel. The context ends the lesson that is being played.
func New(ctx context.Context, opts Options) *Panel {
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	p := &Panel{ctx: ctx, opts: opts, typist: make(typist)}
	p.SetDark(true)
	if l := opts.Course.Find(opts.Open); l != nil {
		p.wanted, p.page = l, pageLesson
	}
	return p
}

// SetDark follows the app's colours.
func (p *Panel) SetDark(dark bool) {
	p.theme = theme.New(theme.Auto, dark, p.opts.ASCII)
	p.prose = newProse(p.theme)
}

// SetTheme takes the app's theme.
func (p *Panel) SetTheme(t *theme.Theme) {
	p.theme = t
	p.prose = newProse(t)
}

// Title is the heading of the panel.
func (p *Panel) Title() string {
	if p.page == pageGlossary {
		return "Words"
	}
	if p.page == pageLesson && p.wanted != nil {
		return p.wanted.Title
	}
	return "Lessons"
}

// Init asks for the focus if a lesson was wanted from the start; else the panel waits.
func (p *Panel) Init() tea.Cmd {
	if p.wanted == nil {
		return nil
	}
	return func() tea.Msg { return panel.FocusMsg{} }
}

// Focused is told whether keys come here.
func (p *Panel) Focused(focused bool) { p.focused = focused }

// Keys are the keys that do something just now.
func (p *Panel) Keys() keys.Set {
	return slices.DeleteFunc(p.bindings(), func(b keys.Binding) bool { return b.Why() != "" })
}

// openedMsg says that a player runs, or why not.
type openedMsg struct {
	lesson *lessons.Lesson
	player *play.Player
	stop   func()
	ended  <-chan struct{}
	err    error
}

// snapshotMsg brings the news of a player; ok is false at its end.
type snapshotMsg struct {
	player   *play.Player
	snapshot play.Snapshot
	ok       bool
}

// tickMsg redraws a countdown.
type tickMsg struct{}

// Update takes what concerns the panel.
func (p *Panel) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case panel.ConnectedMsg:
		return p.connected(msg.Config)
	case typeMsg:
		return p.typeLine(msg)
	case panel.CommandRanMsg:
		if p.typed(msg) {
			return nil
		}
		if p.player != nil {
			return tell(func(pl *play.Player) { pl.Command(msg.Line, msg.ExitCode, msg.Output) }, p.player)
		}
	case panel.LookedMsg:
		p.looked = lessons.Look{View: msg.View, Resource: msg.Resource, Namespace: msg.Namespace, Name: msg.Name}
		return p.tellLooked()
	case openedMsg:
		return p.opened(msg)
	case snapshotMsg:
		return p.news(msg)
	case tickMsg:
		p.ticking = false
		return p.countdown()
	case tea.KeyPressMsg:
		return p.pressed(msg.String())
	case tea.MouseClickMsg:
		if do := p.clicks[msg.Y]; do != nil && msg.Button == tea.MouseLeft && p.ask.yes == nil {
			return do()
		}
	case tea.MouseWheelMsg:
		if msg.Button == tea.MouseWheelUp {
			p.scroll.by(-3)
		} else if msg.Button == tea.MouseWheelDown {
			p.scroll.by(3)
		}
	}
	return nil
}

// connected begins the lesson that was wanted before there was a cluster. A
// server that went and came back is the same cluster: watches mend themselves.
func (p *Panel) connected(config *rest.Config) tea.Cmd {
	other := p.config != nil && config != nil && p.config.Host != config.Host
	p.config = config
	if p.player != nil && other {
		p.close()
		return p.open()
	}
	if p.page != pageList && p.player == nil {
		return p.open()
	}
	return nil
}

// open starts a player for the wanted lesson, off the update loop.
func (p *Panel) open() tea.Cmd {
	if p.wanted == nil || p.opening || (p.config == nil && p.opts.Client == nil) {
		return nil
	}
	p.opening, p.failed = true, ""
	lesson, ctx := p.wanted, p.ctx
	env := play.Env{
		Config: p.config, Client: p.opts.Client, Kubectl: p.opts.Kubectl,
		WorkDir: p.opts.WorkDir, Progress: p.opts.Progress, Clock: p.opts.Clock,
		Control: p.opts.Control, Namespace: p.opts.Namespace, Type: p.typist.run,
	}
	leaving := p.leaving
	return func() tea.Msg { return start(ctx, lesson, env, leaving) }
}

// start runs a player once the one before it is done with its files.
func start(ctx context.Context, lesson *lessons.Lesson, env play.Env, leaving <-chan struct{}) tea.Msg {
	if leaving != nil {
		<-leaving
	}
	player, err := play.New(lesson, env)
	if err != nil {
		return openedMsg{lesson: lesson, err: err}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(ended)
		failed <- player.Run(ctx)
	}()
	// The first snapshot comes at once, unless Run could not begin.
	select {
	case <-player.Started():
	case err := <-failed:
		cancel()
		return openedMsg{lesson: lesson, err: err}
	}
	return openedMsg{lesson: lesson, player: player, stop: cancel, ended: ended}
}

func (p *Panel) opened(msg openedMsg) tea.Cmd {
	p.opening = false
	if msg.lesson != p.wanted {
		if msg.stop != nil {
			msg.stop()
			p.leaving = msg.ended
		}
		return p.open()
	}
	if msg.err != nil {
		p.failed = msg.err.Error()
		return nil
	}
	p.player, p.stop, p.ended = msg.player, msg.stop, msg.ended
	began := func() tea.Msg { return panel.BeganMsg{Namespace: msg.lesson.Space()} }
	follow := tea.Batch(listen(p.player), p.typist.next(p.ended), began)
	if len(msg.lesson.Panes) == 0 {
		return follow
	}
	return tea.Batch(follow, func() tea.Msg { return panel.OpenMsg{Names: msg.lesson.Panes} })
}

// close tells the player to end, and does not wait for it.
func (p *Panel) close() {
	if p.stop != nil {
		p.stop()
		p.leaving = p.ended
	}
	p.player, p.stop, p.snap, p.typing = nil, nil, play.Snapshot{}, nil
	p.scroll = scroller{}
}

func listen(player *play.Player) tea.Cmd {
	return func() tea.Msg {
		s, ok := <-player.Updates()
		return snapshotMsg{player: player, snapshot: s, ok: ok}
	}
}

// news takes a snapshot, and scrolls to what is new in it.
func (p *Panel) news(msg snapshotMsg) tea.Cmd {
	if msg.player != p.player || !msg.ok {
		return nil
	}
	old := p.snap
	p.snap = msg.snapshot
	var look tea.Cmd
	switch {
	case old.Lesson == nil || old.Step != p.snap.Step:
		// What has been open since before the step is looked at in it, too.
		look = p.tellLooked()
		p.scroll.top()
	case p.newAnswer(old):
		p.scroll.to(markAnswer)
	case p.snap.StepDone && !old.StepDone:
		p.scroll.to(markDone)
	case len(p.snap.Hints) > len(old.Hints):
		p.scroll.to(markHint)
	case len(p.snap.Shown) > len(old.Shown):
		p.scroll.to(markShown)
	}
	return tea.Batch(listen(p.player), look, p.countdown())
}

// tellLooked tells the player what is looked at.
func (p *Panel) tellLooked() tea.Cmd {
	look := p.looked
	if p.player == nil || look.View == "" {
		return nil
	}
	return tell(func(pl *play.Player) { pl.Looked(look) }, p.player)
}

// newAnswer finds the question that was just answered.
func (p *Panel) newAnswer(old play.Snapshot) bool {
	for i, q := range p.snap.Questions {
		if i < len(old.Questions) && len(q.Tried) > len(old.Questions[i].Tried) {
			p.answered = i
			return true
		}
	}
	return false
}

// countdown redraws once a second while a check has to hold for a while.
func (p *Panel) countdown() tea.Cmd {
	for _, c := range p.snap.Checks {
		if c.Holding && !p.ticking {
			p.ticking = true
			return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
		}
	}
	return nil
}

// tell calls the player off the update loop.
func tell(do func(*play.Player), player *play.Player) tea.Cmd {
	return func() tea.Msg {
		do(player)
		return nil
	}
}

func (p *Panel) pressed(name string) tea.Cmd {
	if p.ask.yes != nil {
		yes := p.ask.yes
		p.ask = question{}
		if name == "y" || name == "enter" {
			return yes()
		}
		return nil
	}
	cmd, _ := p.bindings().Dispatch(name)
	return cmd
}

// Actions are those of the list of lessons, of a lesson and of the glossary, with the
// keys that they have from the start.
func Actions() []keys.Group {
	p := &Panel{}
	return []keys.Group{
		{Title: "list of lessons", Set: p.listKeys()}, {Title: "lesson", Set: p.lessonKeys()}, {Title: "words", Set: p.glossaryKeys()},
	}
}

func (p *Panel) bindings() keys.Set { return p.opts.Keys.Apply(p.pageKeys()) }

func (p *Panel) pageKeys() keys.Set {
	switch p.page {
	case pageList:
		return p.listKeys()
	case pageGlossary:
		return p.glossaryKeys()
	}
	return p.lessonKeys()
}
