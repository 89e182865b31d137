package ui

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"kubarium/cluster/component"
	"kubarium/ui/gauge"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/resource"
	"kubarium/ui/terminal"
	"kubarium/ui/theme"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// opener opens a screen in a terminal of some size.
type opener func(t *testing.T, w, h int, change func(*Options)) *driver

// screens are all that the app shows, by name. TestScreens misses what is not among them.
func screens() map[string]opener {
	withPanel := func(o *Options) { o.Lessons = &uitest.Panel{} }
	return map[string]opener{
		"boot": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := newDriver(t, w, h, change)
			d.send(componentsMsg(booting()))
			d.clock = moment().Add(2100 * time.Millisecond)
			d.app.ctx.Now = d.clock
			return d
		},
		"boot failed": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := newDriver(t, w, h, change)
			list := booting()
			list[4].State, list[4].Message = component.Failed, "start kube-controller-manager: no certificate. Run \"kubarium reset\" to make new ones."
			d.send(componentsMsg(list))
			d.send(readyMsg{err: errors.New("kube-controller-manager did not start")})
			return d
		},
		"main": func(t *testing.T, w, h int, change func(*Options)) *driver { return up(t, w, h, change) },
		"pods": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down")
			return d
		},
		"pods use": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(gauge.Report{Pods: useOf(d.app.ctx.Snapshot)})
			d.press("3", "down")
			return d
		},
		"pods of a namespace": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(gauge.Report{Pods: useOf(d.app.ctx.Snapshot)})
			d.app.ctx.Namespace = "shop"
			d.app.sync()
			d.press("3", "down")
			return d
		},
		"table use": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.app.catalog, d.app.tables = someKinds(), podTable(d.app.ctx.Snapshot)
			d.command("po -A")
			d.send(gauge.Report{Pods: useOf(d.app.ctx.Snapshot)})
			d.press("o", "o", "o", "o", "O")
			return d
		},
		"main add-ons": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(componentsMsg(manyComponents()))
			return d
		},
		"lesson": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change, withPanel)
			d.send(panel.FocusMsg{})
			return d
		},
		"lesson marks": func(t *testing.T, w, h int, change func(*Options)) *driver {
			lesson := &pointing{at: []string{"pods"}, keys: []string{"y", "l"}}
			d := up(t, w, h, func(o *Options) { o.Lessons = lesson }, change)
			pods := d.app.ctx.Snapshot.Pods
			lesson.objects = []panel.Object{
				{Kind: "Pod", Namespace: pods[1].Object.Namespace, Name: pods[1].Object.Name}, {Kind: "Node", Name: "node-2"},
				{Kind: "component", Name: "etcd"},
			}
			d.press("3")
			return d
		},
		"describe": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "enter", "tab")
			return d
		},
		"summary": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Deployment", Namespace: "shop", Name: "payments"}, Tab: pane.Summary})
			return d
		},
		"summary pod": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "enter")
			return d
		},
		"logs": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "l")
			return d
		},
		"help": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("?")
			return d
		},
		"command": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.command("kubectl get nodes")
			return d
		},
		"find": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.app.names = shopNames
			d.press("3", "down", "down", "down", "ctrl+p")
			d.write("web")
			d.press("down")
			return d
		},
		"table": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.press(":")
			d.write("deployments -A")
			d.press("enter", "o", " ")
			return d
		},
		"yaml": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "y", "i", "down", "down", "down", "down")
			return d
		},
		"applied": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.fake.object = driftedObject()
			d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "StatefulSet", Namespace: "shop", Name: "db"}, Tab: pane.YAML})
			d.press("D")
			return d
		},
		"broken": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			breakIt(d)
			return d
		},
		"forwards": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			forwarding(d)
			return d
		},
		"edit": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := editing(t, w, h, change)
			toEnd(d, "replicas: 1")
			d.write("0")
			return d
		},
		"edit checked": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := editing(t, w, h, change)
			toEnd(d, "replicas: 1")
			d.write("0")
			d.press("ctrl+s")
			return d
		},
		"tree": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTree(up(t, w, h, change))
			d.press(":")
			d.write("tree deploy/web")
			d.press("enter", "down", "down")
			return d
		},
		"map": func(t *testing.T, w, h int, change func(*Options)) *driver {
			return busy(t, w, h, change, "m", "down", "down")
		},
		"node off": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(componentsMsg(withoutNode(2)))
			d.press("2", "right", "down", "down")
			return d
		},
		"node not ready": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := busy(t, w, h, change, "m", "right", "down", "down")
			d.send(watch.SnapshotMsg{Snapshot: watch.New(notReady(uitest.Busy(moment()), "node-2")...)})
			return d
		},
		"map owners": func(t *testing.T, w, h int, change func(*Options)) *driver { return busy(t, w, h, change, "m", "o") },
		"map service": func(t *testing.T, w, h int, change func(*Options)) *driver {
			return busy(t, w, h, change, "m", "v", "v", "v")
		},
		"map services": func(t *testing.T, w, h int, change func(*Options)) *driver { return busy(t, w, h, change, "m", "v") },
		"map services owners": func(t *testing.T, w, h int, change func(*Options)) *driver {
			return busy(t, w, h, change, "m", "v", "o")
		},
		"map crowd": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := busy(t, w, h, change, "m")
			d.send(watch.SnapshotMsg{Snapshot: watch.New(crowd(500, 5000)...)})
			return d
		},
		"graphs": func(t *testing.T, w, h int, change func(*Options)) *driver { return graphs(t, w, h, change) },
		"graphs pods": func(t *testing.T, w, h int, change func(*Options)) *driver {
			return graphs(t, w, h, change, "right", "right")
		},
		"packet":         func(t *testing.T, w, h int, change func(*Options)) *driver { return packetOf(up(t, w, h, change)) },
		"packet sending": sendingOf,
		"glass":          func(t *testing.T, w, h int, change func(*Options)) *driver { return openGlassOf(up(t, w, h, change)) },
		"etcd": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withEtcd(up(t, w, h, change))
			d.press(":")
			d.write("etcd")
			d.press("enter", "down", "enter")
			return d
		},
		"glass details": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := openGlassOf(up(t, w, h, change))
			d.press("up", "up", "enter")
			return d
		},
		"quit": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("q")
			return d
		},
		"API server away": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(watch.DownMsg{Err: errors.New("connection refused")})
			return d
		},
		"control plane": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("1", "right", "right")
			return d
		},
		"services": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("4", "down")
			return d
		},
		"events": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("5", "down")
			return d
		},
		"empty": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(watch.SnapshotMsg{Snapshot: &watch.Snapshot{}})
			return d
		},
		"filter": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "/")
			d.write("core")
			return d
		},
		"command line": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press(":")
			return d
		},
		"events of a pod": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "enter", "5")
			return d
		},
		"inside": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "enter", "6")
			return d
		},
		"story": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "enter", "7")
			return d
		},
		"component log": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("1", "right", "right", "enter")
			return d
		},
		"search": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "y", "/")
			d.write("image")
			return d
		},
		"refused object": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.fake.failure = errors.New(`secrets "token" is forbidden: User "viewer" cannot get resource "secrets" in API group "" in the namespace "shop"`)
			d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Secret", Namespace: "shop", Name: "token"}, Tab: pane.Summary})
			return d
		},
		"edit refused": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := editing(t, w, h, change)
			toEnd(d, "replicas: 1")
			d.write("0")
			d.fake.refusal = apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, "db", field.ErrorList{field.Invalid(field.NewPath("spec", "replicas"), 10, "must be small")})
			d.press("ctrl+s")
			return d
		},
		"edit refused at length": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := editing(t, w, h, change)
			toEnd(d, "replicas: 1")
			d.write("0")
			d.fake.refusal = atLength()
			d.press("ctrl+s")
			return d
		},
		"edit conflict": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := editing(t, w, h, change)
			toEnd(d, "replicas: 1")
			d.write("0")
			d.fake.object = anObject("8", 1, map[string]any{"app": "db", "tier": "data"})
			d.fake.refusal = apierrors.NewConflict(schema.GroupResource{Group: "apps", Resource: "statefulsets"}, "db", nil)
			d.press("ctrl+s")
			return d
		},
		"table wide": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.press(":")
			d.write("deployments shop")
			d.press("enter", "w", " ", " ")
			return d
		},
		"edit explained": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := editing(t, w, h, change)
			d.press("f1", "down")
			return d
		},
		"yaml explained at length": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.fake.documented = atSomeLength
			d.press("3", "down", "down", "down", "y", "i", "alt+down")
			return d
		},
		"table changed": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.app.tables = changingTables
			d.command("deployments -A")
			return d
		},
		"table of a viewer": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.command("deployments -A")
			d.app.client = viewer()
			_ = d.screen() // what is drawn wants to know the rights
			d.press("down", "d")
			return d
		},
		"table empty": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.command("deployments default")
			return d
		},
		"table refused": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.app.tables = refusedTables
			d.command("deployments shop")
			return d
		},
		"graphs nodes":       func(t *testing.T, w, h int, change func(*Options)) *driver { return graphPage(t, w, h, 1, change) },
		"graphs requests":    func(t *testing.T, w, h int, change func(*Options)) *driver { return graphPage(t, w, h, 3, change) },
		"graphs clients":     func(t *testing.T, w, h int, change func(*Options)) *driver { return graphPage(t, w, h, 4, change) },
		"graphs etcd":        func(t *testing.T, w, h int, change func(*Options)) *driver { return graphPage(t, w, h, 5, change) },
		"graphs latency":     func(t *testing.T, w, h int, change func(*Options)) *driver { return graphPage(t, w, h, 6, change) },
		"graphs controllers": func(t *testing.T, w, h int, change func(*Options)) *driver { return graphPage(t, w, h, 7, change) },
		"graphs of others": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := graphs(t, w, h, change)
			forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "metrics.k8s.io", Resource: "nodes"}, "", nil)
			d.send(gauge.Report{Err: forbidden, PodErr: forbidden, CounterErr: forbidden, Traffic: &gauge.History{}, Usage: &gauge.History{}, Counters: &gauge.History{}})
			return d
		},
		"no forwards": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.app.forwards = &noForwards{}
			d.command("forward")
			return d
		},
		"what waits": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := openGlassOf(up(t, w, h, change))
			d.press("w")
			return d
		},
		"etcd value": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withEtcd(up(t, w, h, change))
			d.press(":")
			d.write("etcd /registry/configmaps/shop/")
			d.press("enter", "enter")
			return d
		},
		"terminal": func(t *testing.T, w, h int, change func(*Options)) *driver {
			return inShell(t, w, h, layout.HalfTerminal, change)
		},
		"terminal full": func(t *testing.T, w, h int, change func(*Options)) *driver {
			return inShell(t, w, h, layout.FullTerminal, change)
		},
		"terminal scrolled": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := inShell(t, w, h, layout.HalfTerminal, change)
			d.press("shift+pgup", "shift+pgup")
			return d
		},
		"terminal ended": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := inShell(t, w, h, layout.HalfTerminal, change)
			d.send(terminal.EndedMsg{})
			return d
		},
		"too small":         func(t *testing.T, w, h int, change func(*Options)) *driver { return up(t, w*2/5, h*2/5, change) },
		"light":             themed(theme.Light, "3", "down"),
		"light map":         themed(theme.Light, "m", "q"),
		"high contrast":     themed(theme.HighContrast, "3", "down"),
		"high contrast map": themed(theme.HighContrast, "m", "q"),
		"past": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d, _ := withPast(t, w, h, change)
			d.press("<", "<")
			return d
		},
		"past changes": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d, _ := withPast(t, w, h, change)
			d.press("<", "<", "D")
			return d
		},
		"frozen": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			if err := d.app.opts.Cluster.(Freezer).Thaw(t.Context()); err != nil { // all of it runs
				t.Fatal(err)
			}
			d.press("z")
			d.send(componentsMsg(d.app.opts.Cluster.Components()))
			return d
		},
		"doing": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.app.begin("stopping node-2")
			d.clock = moment().Add(7 * time.Second)
			d.app.ctx.Now = d.clock
			return d
		},
		"guest": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change, func(o *Options) { o.Guest = true })
			d.send(componentsMsg(nil))
			d.press("3", "d")
			return d
		},
		"namespace": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("n", "down")
			return d
		},
		"delete": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "d")
			return d
		},
		"delete many": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := withTables(up(t, w, h, change))
			d.press(":")
			d.write("deployments -A")
			d.press("enter", " ", " ", "d")
			return d
		},
		"power cut": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("2", "K")
			return d
		},
		"undo": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d, _ := withPast(t, w, h, change)
			d.press("u")
			return d
		},
		"error": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.send(doneMsg{err: errors.New(`deleting pod/web: pods "web" is forbidden: User "viewer" cannot delete resource "pods" in API group "" in the namespace "default"`)})
			return d
		},
		"what was said": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.app.say(theme.OK, "pod/web deleted")
			d.app.say(theme.Warn, "only a pod has a shell; select one")
			d.press("!")
			return d
		},
		"help of an object": func(t *testing.T, w, h int, change func(*Options)) *driver {
			d := up(t, w, h, change)
			d.press("3", "down", "down", "down", "l", "?")
			return d
		},
	}
}

// themed opens a busy cluster in a theme.
func themed(name string, keys ...string) opener {
	return func(t *testing.T, w, h int, change func(*Options)) *driver {
		return busy(t, w, h, func(o *Options) { change(o); o.Theme = name }, keys...)
	}
}

// changingTables prints what fixedTables does, and then that the last one is ready.
func changingTables(kind resource.Kind, q resource.Query) (resource.Feed, error) {
	feed, err := fixedTables(kind, q)
	if err != nil {
		return nil, err
	}
	before, _ := feed.Next()
	after := before
	after.Rows = slices.Clone(before.Rows)
	if n := len(after.Rows); n > 0 {
		last := &after.Rows[n-1]
		last.Version, last.Cells = "9", slices.Clone(last.Cells)
		last.Cells[1], last.Cells[3] = "4/4", "4"
	}
	states := make(chan resource.State, 2)
	states <- before
	states <- after
	close(states)
	return fixed{states}, nil
}

// viewer is a client of somebody who may look only.
func viewer() *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectrulesreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		rules := []authorizationv1.ResourceRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}}}
		return true, &authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{ResourceRules: rules}}, nil
	})
	return client
}

// useOf gives each pod that runs a use.
func useOf(s *watch.Snapshot) map[string]gauge.Use {
	uses := map[string]gauge.Use{}
	for i, p := range s.Pods {
		if p.Ready > 0 {
			uses[p.Object.Namespace+"/"+p.Object.Name] = gauge.Use{CPU: 0.0024 * float64(1+i*i*i), Memory: float64(7+i*i*31) * (1 << 20)}
		}
	}
	return uses
}

// podTable prints pods as the server does.
func podTable(s *watch.Snapshot) resource.Source {
	state := resource.State{Loaded: true}
	for i, c := range []string{"Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"} {
		state.Columns = append(state.Columns, metav1.TableColumnDefinition{Name: c, Priority: int32(i / 5)})
	}
	for _, p := range s.Pods {
		o := p.Object
		state.Rows = append(state.Rows, resource.Row{
			UID: types.UID(o.Namespace + "/" + o.Name), Namespace: o.Namespace, Name: o.Name, Version: "1", Created: o.CreationTimestamp.Time,
			Cells: []string{o.Name, fmt.Sprintf("%d/%d", p.Ready, p.Total), p.Word, fmt.Sprint(p.Restarts), "1m", o.Status.PodIP, o.Spec.NodeName},
		})
	}
	return func(resource.Kind, resource.Query) (resource.Feed, error) {
		states := make(chan resource.State, 1)
		states <- state
		close(states)
		return fixed{states}, nil
	}
}

// refusedTables says that the user may not list.
func refusedTables(resource.Kind, resource.Query) (resource.Feed, error) {
	states := make(chan resource.State, 1)
	states <- resource.State{Err: apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", errors.New(`User "viewer" cannot list resource "deployments" in API group "apps" in the namespace "shop"`))}
	close(states)
	return fixed{states}, nil
}

// graphPage is a driver that shows a page of the graphs.
func graphPage(t *testing.T, w, h, page int, change func(*Options)) *driver {
	d := graphs(t, w, h, change)
	for range page {
		d.press("right")
	}
	return d
}

// inShell is a driver with a shell in its terminal.
func inShell(t *testing.T, w, h int, room layout.Room, change func(*Options)) *driver {
	const prompt = "(kubarium) you@lab:~$ "
	shell := func() (*exec.Cmd, error) {
		return exec.Command("sh", "-c", `for n in $(seq 90); do printf 'line %s of many\r\n' $n; done; printf '%skubectl get nodes\r\n\033[1mNAME     STATUS   ROLES    AGE   VERSION\033[0m\r\n' "$1"
for n in 1 2 3; do printf 'node-%s   \033[32mReady\033[0m    <none>   16m   v1.37.1\r\n' $n; done; printf '%s' "$1"; read -r _`, "sh", prompt), nil
	}
	d := up(t, w, h, change, func(o *Options) { o.Shell = shell })
	d.app.config = &rest.Config{Host: "https://127.0.0.1:6443"}
	d.app.terminal = terminal.New(d.app.ctx, shell)
	d.app.room = room
	d.app.relayout()
	d.app.setFocus(layout.Terminal)
	// What comes of it would wait for the shell's next word, which does not come.
	d.app.Update(d.app.terminal.Open()())
	t.Cleanup(func() { _ = d.app.terminal.Close() })
	for end := time.Now().Add(30 * time.Second); strings.Count(ansi.Strip(d.app.terminal.View(true)), "you@lab") < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the shell says nothing:\n%s", d.screen())
		}
	}
	return d
}
