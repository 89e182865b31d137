package ui

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/names"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// someKinds is a small catalog.
func someKinds() *resource.Catalog {
	verbs := metav1.Verbs{"get", "list", "watch", "update", "delete"}
	return resource.NewCatalog([]*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", SingularName: "pod", Kind: "Pod", ShortNames: []string{"po"}, Namespaced: true, Verbs: verbs},
			{Name: "nodes", SingularName: "node", Kind: "Node", ShortNames: []string{"no"}, Verbs: verbs},
			{Name: "configmaps", SingularName: "configmap", Kind: "ConfigMap", ShortNames: []string{"cm"}, Namespaced: true, Verbs: verbs},
			{Name: "secrets", SingularName: "secret", Kind: "Secret", Namespaced: true, Verbs: verbs},
		}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", SingularName: "deployment", Kind: "Deployment", ShortNames: []string{"deploy"}, Namespaced: true, Verbs: verbs}}},
	})
}

// fixed is a feed of one state.
type fixed struct{ states chan resource.State }

func (f fixed) Next() (resource.State, bool) { s, open := <-f.states; return s, open }
func (f fixed) Refresh()                     {}
func (f fixed) Close()                       {}

// fixedTables prints some deployments, whatever is asked for, and none in other namespaces
// than shop.
func fixedTables(_ resource.Kind, q resource.Query) (resource.Feed, error) {
	s := resource.State{Loaded: true}
	for _, c := range []string{"Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"} {
		s.Columns = append(s.Columns, metav1.TableColumnDefinition{Name: c, Priority: int32(len(s.Columns) / 5)})
	}
	for i, line := range []string{"cart 2/2 2 2 cart kubarium/web:2.0 app=cart", "payments 0/1 1 0 pay kubarium/pay:0.1 app=payments", "web 3/4 4 3 web kubarium/web:1.0 app=web"} {
		w := strings.Fields(line)
		if q.Namespace == "" || q.Namespace == "shop" {
			s.Rows = append(s.Rows, resource.Row{
				UID: types.UID(w[0]), Namespace: "shop", Name: w[0], Version: fmt.Sprint(i), Created: moment().Add(-time.Duration(i+1) * 40 * time.Minute),
				Cells: slices.Insert(w, 4, "1m"),
			})
		}
	}
	states := make(chan resource.State, 1)
	states <- s
	close(states)
	return fixed{states}, nil
}

func withTables(d *driver) *driver {
	d.app.catalog, d.app.tables = someKinds(), fixedTables
	return d
}

func TestBrowse(t *testing.T) {
	d := withTables(up(t, 100, 30))
	d.command("deploy -A")
	d.sees("deployments.apps  in all namespaces", "NAMESPACE", "payments", "0/1")
	d.seesNot("Control plane", "kubarium/pay:0.1")
	d.press("w")
	d.sees("kubarium/pay:0.1")

	d.press("/")
	d.write("pay")
	d.press("enter")
	d.sees("1 of 3", "payments")
	d.seesNot("app=web")
	d.press("esc")
	d.sees("app=web")

	// An object is opened over its table, and left to it.
	d.press("enter")
	if ref := d.detail().Ref(); ref.Kind != "Deployment" || ref.Name != "cart" || ref.Namespace != "shop" {
		t.Errorf("%+v is opened", ref)
	}
	d.press("esc")
	d.sees("deployments.apps")

	d.press(" ", " ", "d")
	d.sees("Delete these 2?", "shop/cart", "shop/payments")
	d.press("y")
	if len(d.fake.deleted) != 2 || d.fake.deleted[1].String() != "deployment/payments" {
		t.Errorf("deleted are %v", d.fake.deleted)
	}

	// What is done is a command that can be seen, and changed.
	d.press("S")
	d.sees("scale deployment/cart deployment/payments -n shop --replicas=")
	d.press("esc", "ctrl+a", "S")
	d.sees("scale deployment/web -n shop --replicas=")
	d.press("esc", "esc")
	d.sees("Control plane")

	d.command("deploy -n none")
	d.sees("There are none in none.")
	d.press("esc", ":")
	d.write("po -l a=(")
	d.press("enter")
	d.sees("label selector")
}

// TestFilterBySelectors: flags in the filter's line are for the server.
func TestFilterBySelectors(t *testing.T) {
	d := withTables(up(t, 120, 40))
	var asked resource.Query
	d.app.tables = func(k resource.Kind, q resource.Query) (resource.Feed, error) { asked = q; return fixedTables(k, q) }
	d.press("/")
	d.write("-l app=web")
	d.sees("Control plane", "coredns", "payments") // nothing is hidden while it is typed
	d.press("enter")
	d.sees("pods  in all namespaces  -l app=web")
	if asked.Labels != "app=web" {
		t.Errorf("asked for %+v", asked)
	}
	d.press(":")
	d.write("deploy -A")
	d.press("enter", "/")
	d.write("-l app --field-selector metadata.name=x -n shop")
	d.press("enter")
	d.sees("deployments.apps  in shop  -l app --field-selector metadata.name=x")
	d.press("/")
	d.write("-l a=(")
	d.press("enter")
	d.sees("Not shown", "label selector")
	d.press("enter")
	d.sees("deployments.apps  in shop  -l app")
	d.press("/")
	d.write("paym")
	d.press("enter")
	d.sees("filter /paym", "1 of 3")
}

// TestShellInAContainer asks in which one, if there are several.
func TestShellInAContainer(t *testing.T) {
	objects := uitest.Objects(moment())
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok && p.Name == "typo" {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "side", Image: "kubarium/toolbox:1.0"})
		}
	}
	var ran []string
	d := up(t, 120, 40, func(o *Options) {
		o.Kubectl = func(ctx context.Context, args ...string) *exec.Cmd {
			ran = append(ran, strings.Join(args, " "))
			return exec.CommandContext(ctx, "true")
		}
	})
	d.send(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
	d.send(pane.ShellMsg{Ref: watch.Ref{Kind: "Pod", Namespace: "default", Name: "leaving"}})
	d.press("3", "down", "down", "x")
	d.sees("A shell in which container of typo?", "side", "kubarium/toolbox:1.0")
	d.write("si")
	d.press("enter")
	if want := []string{"exec -it -n default leaving -- sh", "exec -it -n default typo -c side -- sh"}; !slices.Equal(ran, want) {
		t.Errorf("ran %q", ran)
	}
}

// shopNames finds a web of each kind, and may not list secrets.
func shopNames(_ context.Context, kind resource.Kind, _ string) ([]names.Name, bool, error) {
	if kind.Name == "Secret" {
		return nil, false, fmt.Errorf("list secrets: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil))
	}
	return []names.Name{{Namespace: "shop", Name: "web-settings"}, {Namespace: "shop", Name: "other"}}, false, nil
}

// TestFinderFindsAllKinds finds objects that nobody follows, and what the keys of the selected
// object do.
func TestFinderFindsAllKinds(t *testing.T) {
	d := withTables(up(t, 100, 30))
	asked := map[string]bool{}
	d.app.names = func(ctx context.Context, kind resource.Kind, namespace string) ([]names.Name, bool, error) {
		asked[kind.Name] = true
		return shopNames(ctx, kind, namespace)
	}
	d.press("ctrl+p")
	d.sees("all that is there of 2 more kinds; 1 you may not list")
	if asked["Pod"] || !asked["ConfigMap"] {
		t.Errorf("asked for %v", asked)
	}
	d.write("cmwebset")
	d.sees("configmap shop/web-settings")
	d.press("enter")
	if d.detail() == nil || d.detail().Ref().String() != "configmap/web-settings" {
		t.Fatalf("not opened:\n%s", d.screen())
	}
	d.press("esc", "3", "down", "ctrl+p")
	d.write("delete: ")
	d.sees("delete: delete the object, after a question", "pod/too-big, key d")
	d.press("enter")
	d.sees("Delete pod/too-big?")
	d.press("esc")

	t.Log("what comes later does not move the cursor off what was chosen, nor into a finder that was left")
	d.press("ctrl+p")
	d.write("pod")
	d.press("down", "down")
	f, _ := d.app.dialogs[0].(*finder)
	chosen, _ := f.chosen()
	later := namesMsg{of: f, found: []names.Found{{Kind: d.app.catalog.Kinds()[0], Names: []names.Name{{Name: "pod"}}}}}
	d.app.foundNames(later)
	if now, _ := f.chosen(); now.text != chosen.text {
		t.Errorf("%q is chosen, not %q", now.text, chosen.text)
	}
	d.press("esc")
	before := len(f.items)
	if d.app.foundNames(later) != nil || len(f.items) != before {
		t.Error("a finder that was left goes on")
	}
}

func TestFinder(t *testing.T) {
	d := withTables(up(t, 100, 30))
	d.press("ctrl+p")
	d.sees("Find", "pod default/")
	d.write("paytq6")
	d.sees("pod shop/payments-5b9b5a46-ttq6g", "CrashLoopBackOff")
	d.press("enter")
	if d.detail() == nil || !strings.HasPrefix(d.detail().Ref().Name, "payments") {
		t.Fatalf("not opened:\n%s", d.screen())
	}
	d.press("ctrl+p")
	d.write("all deploy")
	d.press("enter")
	d.sees("deployments.apps")
	d.press("ctrl+p")
	d.write("zzzz")
	d.sees("Nothing has these letters")
	d.press("enter", "esc")
	d.press("ctrl+p")
	d.write("leave and stop")
	d.press("enter")
	d.sees("Leave kubarium?")
}
