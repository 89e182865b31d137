package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/resource"
)

// someKinds is a small catalog.
func someKinds() *resource.Catalog {
	verbs := metav1.Verbs{"get", "list", "watch", "update", "delete"}
	return resource.NewCatalog([]*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", SingularName: "pod", Kind: "Pod", ShortNames: []string{"po"}, Namespaced: true, Verbs: verbs},
			{Name: "nodes", SingularName: "node", Kind: "Node", ShortNames: []string{"no"}, Verbs: verbs},
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
	d.press(":")
	d.write("deploy -A")
	d.press("enter")
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
	d.sees("scale deployment/web -n shop --replicas=")
	d.press("esc", "esc")
	d.sees("Control plane")

	d.press(":")
	d.write("deploy -n none")
	d.press("enter")
	d.sees("There are none in none.")
	d.press("esc", ":")
	d.write("po -l a=(")
	d.press("enter")
	d.sees("label selector")
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
