package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/ui/boot"
	"kubarium/ui/command"
	"kubarium/ui/detail"
	"kubarium/ui/etcd"
	"kubarium/ui/forward"
	"kubarium/ui/gauge"
	"kubarium/ui/glass"
	"kubarium/ui/graph"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/names"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/resource"
	"kubarium/ui/rights"
	"kubarium/ui/terminal"
	"kubarium/ui/theme"
	"kubarium/ui/tree"
	"kubarium/ui/watch"
	"kubarium/ui/way"
)

// App is the root model.
type App struct {
	opts    Options
	now     func() time.Time
	ctx     *pane.Context // what all panes look at
	backend api

	w, h int
	// dark and fine are what is known of the terminal's colours.
	dark, fine bool
	layout     layout.Layout
	booting    bool
	boot       boot.Screen

	panes   map[layout.Name]pane.Pane
	focus   layout.Name
	shown   map[layout.Name]bool // panes to prefer where several share a rectangle
	screens []screen
	line    *command.Line
	filters *filterLine
	dialogs []dialog
	lessons panel.Panel
	panelOn bool
	mapOn   bool // the map has the room of all panes
	// room is what the terminal has of the screen.
	terminal *terminal.Pane
	room     layout.Room
	// past is what is shown in place of the present; nil if that is. onlyNamespace is the
	// one that the user may see, "" if there are others.
	past          *past
	onlyNamespace string

	config  *rest.Config
	client  kubernetes.Interface
	catalog *resource.Catalog
	tables  resource.Source
	names   names.Lister
	version string
	usage   usageMsg
	gauges  *gauge.Feeder
	// measures is what the gauges told last, but for the last minutes.
	measures gauge.Report
	note     notice
	// said is what was told, and doings are the actions on their way.
	said   []said
	doings []*doing
	// forwards are the ports of this machine that lead to pods, forwarded what they do.
	forwards  forwarder
	forwarded []forward.Info
	faults    faultsMsg
	holds     holdsMsg
	tick      ticker
	// memory is what of the last time is still to come; configured is the theme that the
	// settings say.
	memory     Memory
	configured string
	wheeled    time.Time
	// looking is what the lesson was told last that the user looks at.
	looking panel.LookedMsg
	quit    bool
	paint   paint
}

// notice is a line that says how something went.
type notice struct {
	text string
	tone theme.Tone
	till time.Time
}

// New makes the app's model. Run does all there is to do with it; tests may drive
// it by hand.
func New(o Options) *App {
	a := &App{
		opts: o, now: time.Now, booting: true, dark: true, fine: true,
		ctx: &pane.Context{
			Theme:    o.look(true),
			Snapshot: &watch.Snapshot{},
			Keys:     o.Keys,
		},
		focus:   layout.Tanks,
		shown:   map[layout.Name]bool{},
		lessons: o.Lessons,
		backend: &backend{kubectl: o.Kubectl, cluster: o.Cluster, trace: o.Trace},
	}
	a.ctx.Rights = rights.New(func() time.Time { return a.now() })
	a.ctx.Now = a.now()
	a.boot = boot.Screen{Context: a.ctx, Version: o.Version, Started: a.ctx.Now}
	a.ctx.Version, a.ctx.Kind = a.versionOf, a.kindOf
	a.line = command.New(a.ctx, o.Kubectl)
	a.line.Resolve = a.resolve
	a.terminal = terminal.New(a.ctx, o.Shell)
	a.filters = newFilterLine(a.ctx)
	a.panes = map[layout.Name]pane.Pane{
		layout.Components: pane.NewComponents(a.ctx),
		layout.Tanks:      pane.NewTanks(a.ctx),
		layout.Pods:       pane.NewPods(a.ctx),
		layout.Services:   pane.NewServices(a.ctx),
		layout.Events:     pane.NewEvents(a.ctx),
	}
	a.paintPanel()
	a.recall(o.Memory)
	return a
}

// Init implements tea.Model.
func (a *App) Init() tea.Cmd {
	cmds := []tea.Cmd{tea.RequestBackgroundColor}
	if a.lessons != nil {
		cmds = append(cmds, a.lessons.Init())
	}
	return tea.Batch(append(cmds, a.schedule())...)
}

// Update implements tea.Model. What the message means for the app comes first;
// the panel sees all but keys and mouse, which go to one place only.
func (a *App) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	chosen := a.ctx.Service
	a.paint.moved = ""
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		cmd = a.key(msg)
	case tea.PasteMsg:
		cmd = a.paste(msg)
	case tea.MouseMsg:
		cmd = a.mouse(msg)
	default:
		cmd = tea.Batch(a.handle(msg), a.tell(msg))
	}
	if a.quit {
		return a, tea.Quit
	}
	a.chooseService()
	a.ctx.Points = a.pointed()
	a.repaint(chosen != a.ctx.Service)
	return a, tea.Batch(cmd, a.tellSeen(), a.ctx.Rights.Ask(a.ctx.Lifetime(), a.client), a.schedule(), a.putOff(msg))
}

// handle takes everything that is not from the keyboard or the mouse.
func (a *App) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		a.resize(msg)
	case tea.BackgroundColorMsg:
		a.dark = msg.IsDark()
		a.recolour()
	case tea.ColorProfileMsg:
		a.fine = msg.Profile == colorprofile.TrueColor
		a.recolour()
	case tickMsg:
		a.ticked(msg)
	case componentsMsg:
		a.ctx.Components = msg
		a.mark()
		return a.sync()
	case watch.SnapshotMsg:
		if a.past != nil {
			a.past.live, a.ctx.Down = msg.Snapshot, false
			return nil
		}
		if !a.opts.NoMotion {
			a.ctx.Motion.Note(a.ctx.Snapshot, msg.Snapshot, a.now())
		}
		a.ctx.Snapshot, a.ctx.Down = msg.Snapshot, false
		if a.opts.Seen != nil {
			a.opts.Seen(msg.Snapshot)
		}
		a.recallNamespace()
		if len(a.faults) > 0 {
			a.mark() // pods that are broken may be on other nodes
		}
		a.relayout()
		return a.sync()
	case watch.DownMsg:
		a.ctx.Down = true
	case watch.UpMsg:
		a.ctx.Down = false
		return a.tell(panel.ConnectedMsg{Config: a.config})
	case connectedMsg:
		return a.connected(msg)
	case readyMsg:
		a.ready(msg.err)
	case problemMsg:
		a.boot.Problem = msg.err
	case rights.Msg:
		a.ctx.Rights.Update(msg)
	case usageMsg:
		a.usage = msg
	case faultsMsg:
		a.faults = msg
		a.mark()
	case holdsMsg:
		a.holds = msg
		a.mark()
	case gauge.Report:
		return a.measured(msg)
	case doneMsg:
		a.done(msg)
	default:
		return a.handleOwn(msg)
	}
	return nil
}

// handleOwn takes what the app's own parts ask for.
func (a *App) handleOwn(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.OpenMsg:
		return a.open(msg)
	case pane.OpenLogMsg:
		return a.openLog(msg)
	case forwardMsg, pane.ForwardMsg, forward.ListMsg, forward.DoMsg, forwardedMsg:
		return a.onForward(msg)
	case pane.DeleteMsg:
		a.askDelete(msg.Ref)
	case pane.PowerMsg:
		return a.askPower(msg)
	case pane.ShellMsg:
		return a.podShell(msg.Ref)
	case pane.LeaveMsg:
		a.leave(msg)
	case detail.CloseMsg, resource.CloseMsg, graph.CloseMsg, tree.CloseMsg, glass.CloseMsg, etcd.CloseMsg, forward.CloseMsg, way.CloseMsg:
		return a.closeTop()
	case glass.EtcdMsg:
		return a.openEtcd("")
	case packetMsg:
		return a.packet(msg.words)
	case pane.TreeMsg, treeMsg:
		return a.opensTree(msg)
	case detail.SavedMsg:
		a.say(theme.OK, msg.Name+" changed")
	case detail.RefusedMsg:
		a.keepSaid(msg.Text, theme.Bad)
	case momentsMsg:
		return a.beginPast(msg)
	case pastMsg:
		return a.showPast(msg)
	case lastChangeMsg:
		a.offerUndo(msg)
	case changedMsg:
		a.showChanges(msg)
	case rewoundMsg:
		a.rewound(msg)
	case namesMsg:
		return a.foundNames(msg)
	case browseMsg:
		return a.browse(msg)
	case pageMsg:
		a.line.Leave()
		return msg.run()(a)
	case catalogMsg:
		if msg.err == nil {
			a.catalog = msg.catalog
			if b, ok := a.backend.(*backend); ok {
				b.kinds.Store(msg.catalog)
			}
			return a.recallScreen()
		}
	case resource.DeleteMsg:
		a.askDeleteAll(msg.Refs)
	case pane.PromptMsg:
		return a.prompt(msg.Command)
	case command.ExecMsg:
		return a.exec(msg.Args, msg.Line)
	case command.QuitMsg:
		a.askQuit()
	case command.OutputMsg:
		return a.line.Update(msg)
	case command.DoneMsg:
		return tea.Batch(a.line.Update(msg), a.tell(panel.CommandRanMsg{Line: msg.Line, ExitCode: msg.Code, Output: msg.Output}))
	case execDoneMsg:
		return a.execDone(msg)
	case keys.DisabledMsg:
		a.say(theme.Warn, msg.Why)
	case terminal.StartedMsg, terminal.ChangedMsg, terminal.EndedMsg, terminal.RanMsg:
		return a.fromTerminal(msg)
	case panel.RunMsg:
		if msg.Now {
			return a.typeOut(msg.Command)
		}
		return a.suggest(msg.Command)
	case panel.BeganMsg:
		return a.showLesson(msg.Namespace)
	case panel.OpenMsg:
		return a.openFor(msg.Names)
	case panel.FocusMsg:
		a.showPanel(true)
	default:
		cmd := a.line.Update(msg)
		a.relayout()
		return tea.Batch(cmd, a.tellScreens(msg))
	}
	return nil
}

// tell gives the panel a message.
func (a *App) tell(msg tea.Msg) tea.Cmd {
	if a.lessons == nil {
		return nil
	}
	return a.lessons.Update(msg)
}

// sync lets everything that is on the screen take over what has changed.
func (a *App) sync() tea.Cmd {
	a.ctx.Now = a.moment()
	for _, p := range a.panes {
		p.Sync()
	}
	if s := a.top(); s != nil {
		return s.Sync()
	}
	return nil
}

func (a *App) connected(msg connectedMsg) tea.Cmd {
	if msg.namespace != "" {
		a.ctx.Namespace, a.onlyNamespace = msg.namespace, msg.namespace
	}
	a.config, a.client, a.version = msg.config, msg.client, msg.version
	a.tables, a.names, a.gauges = resource.FromServer(msg.config), names.FromServer(msg.config), msg.gauges
	if msg.forwards != nil {
		a.forwards = msg.forwards
	}
	a.backend = &backend{client: msg.client, config: msg.config, kubectl: a.opts.Kubectl, cluster: a.opts.Cluster, trace: a.opts.Trace}
	return tea.Batch(a.discover(), a.tell(panel.ConnectedMsg{Config: msg.config}))
}

// ready ends the boot screen, unless something went wrong: then it stays.
func (a *App) ready(err error) {
	if err != nil {
		a.boot.Problem = err
		return
	}
	a.boot.Done = a.now()
	if a.booting && a.boot.Problem == nil {
		a.booting = false
		a.say(theme.OK, "all nodes are Ready after "+took(a.boot.Done.Sub(a.boot.Started)))
	}
}

func (a *App) resize(msg tea.WindowSizeMsg) {
	first := a.w == 0
	a.w, a.h = msg.Width, msg.Height
	asked := first && a.panelOn
	if first {
		a.panelOn = asked || a.recallPanel(a.lessons != nil && a.w >= 120)
	}
	a.relayout()
	if asked {
		// Before there was room, nothing could have the focus.
		a.setFocus(layout.Panel)
	}
}

func (a *App) recolour() {
	a.ctx.Theme = a.opts.look(a.dark)
	a.ctx.Theme.Fine = a.ctx.Theme.Fine && a.fine
	a.paintPanel()
}

func (a *App) paintPanel() {
	switch p := a.lessons.(type) {
	case panel.Themed:
		p.SetTheme(a.ctx.Theme)
	case panel.Styled:
		p.SetDark(a.ctx.Theme.IsDark)
	}
}

// close ends what the app has running.
func (a *App) close() {
	a.line.End()
	// A shell that does not end is reported by nobody: the process that runs it is going.
	_ = a.terminal.Close()
	for _, s := range a.screens {
		s.Close()
	}
}
