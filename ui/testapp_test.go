package ui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/cluster/component"
	"kubarium/ui/detail"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// moment is when the tests happen.
func moment() time.Time { return time.Date(2026, 11, 20, 22, 41, 0, 0, time.UTC) }

// driver drives an App as the program would, with time standing still.
type driver struct {
	t     *testing.T
	app   *App
	fake  *fakeAPI
	clock time.Time
	quit  bool
}

// fakeAPI answers like an API server, with always the same.
type fakeAPI struct {
	// gate, if not nil, is what the answers wait for.
	gate    *gate
	deleted []watch.Ref
	// object is what there is; nil for some thing.
	object  *unstructured.Unstructured
	failure error
	events  []*corev1.Event
	// documented is what explains a field, if not "".
	documented string
	// refusal is what comes of a change, if not nil, unexplained what comes of a question.
	refusal, unexplained error
}

func (f *fakeAPI) Describe(ctx context.Context, ref watch.Ref) (string, error) {
	if err := f.gate.with(ctx, "Describe"); err != nil {
		return "", err
	}
	return "Name:         " + ref.Name + "\nNamespace:    " + ref.Namespace + "\nLabels:       app=web\nContainers:\n  web:\n    Image:  kubarium/web:1.1\n", f.failure
}

func (f *fakeAPI) Object(ctx context.Context, ref watch.Ref) (*unstructured.Unstructured, error) {
	if err := f.gate.with(ctx, "Object"); err != nil {
		return nil, err
	}
	o := f.object
	if o == nil {
		o = &unstructured.Unstructured{Object: map[string]any{"kind": "Thing", "metadata": map[string]any{"name": ref.Name}}}
	}
	return o, f.failure
}

func (f *fakeAPI) Update(ctx context.Context, _ watch.Ref, o *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error) {
	if err := f.gate.with(ctx, "Update"); err != nil {
		return nil, err
	}
	if f.refusal != nil {
		return nil, f.refusal
	}
	if !dry {
		f.object = o
	}
	return o, nil
}

func (f *fakeAPI) Events(ctx context.Context, _ watch.Ref) ([]*corev1.Event, error) {
	if err := f.gate.with(ctx, "Events"); err != nil {
		return nil, err
	}
	return f.events, f.failure
}

func (f *fakeAPI) Explain(ctx context.Context, ref watch.Ref, field []string) (string, error) {
	if err := f.gate.with(ctx, "Explain"); err != nil {
		return "", err
	}
	if f.unexplained != nil {
		return "", f.unexplained
	}
	if len(field) == 0 {
		return "KIND: Thing\n\nDESCRIPTION:\n    A thing, as its\n    maker documents it.\n\nFIELDS:\n  spec <Object>\n", f.failure
	}
	if field[len(field)-1] == "app" {
		return "", errors.New("field \"app\" does not exist")
	}
	if f.documented != "" {
		return "KIND:       " + ref.Kind + "\nVERSION:    v1\n\nFIELD: " + strings.Join(field, ".") + f.documented, f.failure
	}
	return "KIND:       " + ref.Kind + "\nVERSION:    v1\n\nFIELD: " + strings.Join(field, ".") + " <string>\n\nDESCRIPTION:\n    What it is for, in so many words that they need more than a line.\n", f.failure
}

func (f *fakeAPI) CanLook(ref watch.Ref) bool { return ref.Kind == "Pod" || ref.Kind == "Service" }

func (f *fakeAPI) CanTell(watch.Ref) bool { return true }

// Story is told once, then the cluster ends.
func (f *fakeAPI) Story(ctx context.Context, ref watch.Ref, show func(string)) error {
	if err := f.gate.with(ctx, "Story"); err != nil {
		return err
	}
	show("What came of it, from 22:40:00.000 on:\n\n   +0.000 s  replicaset-controller  creates Pod " + ref.Name + "\n             it is the root\n   +0.012 s  scheduler  binds it to node-1\n             it is about " + ref.Name)
	return f.failure
}

// Inside is told once, then the cluster ends.
func (f *fakeAPI) Inside(ctx context.Context, ref watch.Ref, show func(string)) error {
	if err := f.gate.with(ctx, "Inside"); err != nil {
		return err
	}
	show("container of " + ref.Name + "\n  KIND   INODE")
	return f.failure
}

func (f *fakeAPI) Logs(ctx context.Context, ref watch.Ref, q detail.LogQuery) (io.ReadCloser, error) {
	if err := f.gate.with(ctx, "Logs"); err != nil {
		return nil, err
	}
	text := "hello from " + ref.Name + " " + q.Container + "\n\x1b[31mred\x1b[0m and\ttabs\n"
	if q.Timestamps {
		text = "2026-11-20T22:40:59Z " + text
	}
	if q.Previous {
		text = "the one before\n"
	}
	return io.NopCloser(strings.NewReader(text)), f.failure
}

func (f *fakeAPI) LogFile(string) string {
	f.gate.without("LogFile")
	return ""
}

func (f *fakeAPI) Delete(ctx context.Context, ref watch.Ref) error {
	if err := f.gate.with(ctx, "Delete"); err != nil {
		return err
	}
	f.deleted = append(f.deleted, ref)
	return f.failure
}

func newDriver(t *testing.T, w, h int, change ...func(*Options)) *driver {
	t.Helper()
	d := &driver{t: t, fake: &fakeAPI{}, clock: moment()}
	o := Options{Cluster: uitest.New(moment(), ""), Kubectl: uitest.Kubectl, Version: "dev", Theme: "dark"}
	for _, c := range change {
		c(&o)
	}
	d.app = New(o)
	d.app.now = func() time.Time { return d.clock }
	d.app.tick.off = true
	d.app.backend = d.fake
	d.app.boot.Started = moment()
	d.run(d.app.Init())
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

// up is a driver whose cluster is up and full of pods.
func up(t *testing.T, w, h int, change ...func(*Options)) *driver {
	t.Helper()
	d := newDriver(t, w, h, change...)
	d.send(componentsMsg(uitest.Components()))
	d.send(watch.SnapshotMsg{Snapshot: watch.New(uitest.Objects(moment())...)})
	d.app.version = uitest.Version
	d.app.usage = usageMsg{cpu: 0.12, mem: 512}
	d.app.booting = false
	return d
}

// send gives the app a message and then all that comes of it.
func (d *driver) send(msg tea.Msg) {
	d.t.Helper()
	_, cmd := d.app.Update(msg)
	d.run(cmd)
}

// run runs a command and sends what it gives.
func (d *driver) run(cmd tea.Cmd) {
	d.t.Helper()
	if cmd == nil {
		return
	}
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	select {
	case msg := <-got:
		d.take(msg)
	case <-time.After(10 * time.Second):
		d.t.Fatal("a command does not end")
	}
}

func (d *driver) take(msg tea.Msg) {
	d.t.Helper()
	switch msg := msg.(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	case tea.QuitMsg:
		d.quit = true
	default:
		if strings.Contains(typeName(msg), "cursor.") {
			return // blinks for ever
		}
		d.send(msg)
	}
}

// press presses keys: single characters, or names as Bubble Tea writes them.
func (d *driver) press(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		d.send(keyPress(k))
	}
}

// write types a text, letter by letter.
func (d *driver) write(text string) {
	d.t.Helper()
	for _, r := range text {
		d.press(string(r))
	}
}

// command gives a command to the app's command line.
func (d *driver) command(line string) {
	d.t.Helper()
	d.press(":")
	d.write(line)
	d.press("enter")
}

func keyPress(name string) tea.KeyPressMsg {
	named := map[string]tea.Key{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+p": {Code: 'p', Mod: tea.ModCtrl}, "ctrl+a": {Code: 'a', Mod: tea.ModCtrl}, "f1": {Code: tea.KeyF1}, "f2": {Code: tea.KeyF2}, "alt+down": {Code: tea.KeyDown, Mod: tea.ModAlt}, "alt+up": {Code: tea.KeyUp, Mod: tea.ModAlt}, "f4": {Code: tea.KeyF4}, "ctrl+s": {Code: 's', Mod: tea.ModCtrl},
		"end": {Code: tea.KeyEnd}, "backspace": {Code: tea.KeyBackspace}, " ": {Code: tea.KeySpace, Text: " "},
	}
	if k, ok := named[name]; ok {
		return tea.KeyPressMsg(k)
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// detail is the object that is shown; nil if none is.
func (d *driver) detail() *detail.View {
	v, _ := d.app.top().(*detail.View)
	return v
}

// screen is what is to be seen, without colours.
func (d *driver) screen() string {
	s, _ := d.app.Render()
	return ansi.Strip(s)
}

func (d *driver) sees(want ...string) {
	d.t.Helper()
	s := d.screen()
	for _, w := range want {
		if !strings.Contains(s, w) {
			d.t.Errorf("%q is not on the screen:\n%s", w, s)
		}
	}
}

func (d *driver) seesNot(words ...string) {
	d.t.Helper()
	s := d.screen()
	for _, w := range words {
		if strings.Contains(s, w) {
			d.t.Errorf("%q is on the screen:\n%s", w, s)
		}
	}
}

// booting are the components half way through a start.
func booting() []component.Info {
	list := uitest.Components()
	for i := range list {
		list[i].Since = moment()
		switch {
		case i == 4:
			list[i].State, list[i].Took = component.Starting, 0
		case i > 4:
			list[i].State, list[i].Took = component.Stopped, 0
		}
	}
	return list
}
