package ui

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/gauge"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// again is the app after the one of d was left.
func again(t *testing.T, d *driver, w, h int, change ...func(*Options)) *driver {
	t.Helper()
	kept := d.app.remember().Encode()
	return up(t, w, h, append(change, func(o *Options) { o.Memory = ParseMemory(kept) })...)
}

func TestStateIsKept(t *testing.T) {
	withPanel := func(o *Options) { o.Lessons = &uitest.Panel{} }
	d := up(t, 160, 40, withPanel)
	d.press("L", "L") // focus, then hidden
	d.press("3", "n", "down", "enter", "/")
	d.write("web")
	d.press("enter", "t")
	d.sees("namespace default", "filter /web")
	if d.app.panelOn || d.app.ctx.Theme.Name != "light" {
		t.Fatalf("panel %v, theme %s", d.app.panelOn, d.app.ctx.Theme.Name)
	}
	d = again(t, d, 160, 40, withPanel)
	d.sees("namespace default", "filter /web")
	if d.app.panelOn || d.app.ctx.Theme.Name != "light" || d.app.focus != layout.Pods {
		t.Errorf("panel %v, theme %s, focus %s", d.app.panelOn, d.app.ctx.Theme.Name, d.app.focus)
	}
	t.Log("the settings changed: they count")
	d = again(t, d, 160, 40, withPanel, func(o *Options) { o.Theme = "high-contrast" })
	if d.app.ctx.Theme.Name != "high-contrast" {
		t.Errorf("theme %s", d.app.ctx.Theme.Name)
	}
}

// TestEmptyNamespaceIsKept: a namespace that holds nothing is none that is gone.
func TestEmptyNamespaceIsKept(t *testing.T) {
	empty := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}
	d := newDriver(t, 120, 40, func(o *Options) { o.Memory = Memory{Namespace: "team-a"} })
	d.send(componentsMsg(uitest.Components()))
	d.send(watch.SnapshotMsg{Snapshot: watch.New(append(uitest.Objects(moment()), empty)...)})
	d.app.booting = false
	d.sees("namespace team-a")
	d.press("n")
	d.sees("  team-a ")
}

func TestMapAndTableAreKept(t *testing.T) {
	d := up(t, 120, 40)
	d.press("m")
	d = again(t, d, 120, 40)
	d.seesNot("Events")
	d.press("m")
	withTables(d)
	d.press(":")
	d.write("deployments -A -l app --field-selector metadata.name!=x")
	d.press("enter", "w", "o", "O")
	arranged := "-l app --field-selector metadata.name!=x  by ready, largest first"
	d.sees("deployments.apps", arranged, "SELECTOR")
	d = again(t, d, 120, 40)
	d.seesNot("deployments.apps")
	withTables(d)
	d.send(catalogMsg{catalog: d.app.catalog})
	d.sees("deployments.apps", arranged, "SELECTOR")
}

// TestPagesAreKept shows the graphs again that were seen.
func TestPagesAreKept(t *testing.T) {
	d := graphs(t, 120, 40, plain)
	d.sees("CPU of all nodes")
	d = again(t, d, 120, 40)
	d.seesNot("CPU of all nodes")
	d.app.gauges = gauge.New(nil, nil, "")
	d.send(catalogMsg{catalog: someKinds()})
	d.sees("CPU of all nodes")
	t.Log("glass of a cluster that has none is not complained of")
	d = up(t, 120, 40, func(o *Options) { o.Memory = Memory{Page: pageGlass} })
	d.send(catalogMsg{catalog: someKinds()})
	d.sees("Control plane")
	d.seesNot("nobody sees inside")
}

// TestDamagedStateIsForgotten: nothing that is kept may keep the app from its start.
func TestDamagedStateIsForgotten(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"focus": 3}`, `{"focus":"nowhere","theme":"pink","instead":"dark","kind":"things","namespace":"gone"}`, `{"page":"nowhere"}`} {
		d := up(t, 120, 40, func(o *Options) { o.Memory = ParseMemory([]byte(text)) })
		d.sees("web")
		d.seesNot("namespace gone")
		if d.app.ctx.Theme.Name != "dark" {
			t.Errorf("%s: theme %s", text, d.app.ctx.Theme.Name)
		}
		withTables(d)
		d.send(catalogMsg{catalog: d.app.catalog})
		if len(d.app.dialogs) > 0 || d.app.top() != nil {
			t.Errorf("%s: something is in the way", text)
		}
	}
}

// TestDamagedLookIsForgotten: the table comes back as it is from the start.
func TestDamagedLookIsForgotten(t *testing.T) {
	d := withTables(up(t, 120, 40, func(o *Options) {
		o.Memory = ParseMemory([]byte(`{"kind":"deployments.apps","look":{"labels":"a=(","sort":"Nothing"}}`))
	}))
	d.send(catalogMsg{catalog: d.app.catalog})
	d.sees("deployments.apps  in all namespaces", "payments")
	d.seesNot("a=(", "by nothing")
}

// TestOwnThemeIsOneOfThem shows a theme that the user has written, and goes on to others.
func TestOwnThemeIsOneOfThem(t *testing.T) {
	own, err := theme.Read("sea.yaml", "sea", []byte("base: light"))
	if err != nil {
		t.Fatal(err)
	}
	d := up(t, 120, 40, func(o *Options) { o.Theme, o.OwnTheme = "sea", own })
	if d.app.ctx.Theme.Name != "sea" || d.app.ctx.Theme.IsDark {
		t.Errorf("the theme is %q", d.app.ctx.Theme.Name)
	}
	d.press("t")
	d.sees("theme: dark")
	for range 4 {
		d.press("t")
	}
	if got := d.app.ctx.Theme.Name; got != "sea" {
		t.Errorf("after all others comes %q", got)
	}
}
