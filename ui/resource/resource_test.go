package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
)

func someCatalog() *Catalog {
	verbs := metav1.Verbs{"get", "list", "watch", "update", "delete"}
	return NewCatalog([]*metav1.APIResourceList{
		{GroupVersion: "metrics.k8s.io/v1beta1", APIResources: []metav1.APIResource{{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: metav1.Verbs{"get", "list"}}}},
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", SingularName: "pod", Kind: "Pod", ShortNames: []string{"po"}, Namespaced: true, Verbs: verbs},
			{Name: "pods/log", Kind: "Pod", Namespaced: true, Verbs: verbs},
			{Name: "bindings", Kind: "Binding", Namespaced: true, Verbs: metav1.Verbs{"create"}},
			{Name: "nodes", SingularName: "node", Kind: "Node", ShortNames: []string{"no"}, Verbs: verbs},
		}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", SingularName: "deployment", Kind: "Deployment", ShortNames: []string{"deploy"}, Namespaced: true, Verbs: verbs}}},
		{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Namespaced: true, Verbs: verbs}}},
	})
}

func TestCatalog(t *testing.T) {
	c := someCatalog()
	for word, want := range map[string]string{
		"po": "pods", "Pod": "pods", "PODS": "pods", "no": "nodes", "deploy": "deployments.apps",
		"deployments.example.com": "deployments.example.com", "pods.metrics.k8s.io": "pods.metrics.k8s.io",
	} {
		if k, ok := c.Find(word); !ok || k.Title() != want {
			t.Errorf("%s is %s, %v; want %s", word, k.Title(), ok, want)
		}
	}
	for _, word := range []string{"bindings", "pods/log", "get", ""} {
		if k, ok := c.Find(word); ok {
			t.Errorf("%q is %s", word, k.Title())
		}
	}
	if got := c.Complete("d"); !slices.Equal(got, []string{"deployments"}) {
		t.Errorf("d completes to %v", got)
	}
	k, _ := c.Find("deployments.example.com")
	if got := k.Ref("shop", "web").String(); got != "deployment.example.com/web" {
		t.Errorf("ref %s", got)
	}
	var none *Catalog
	if _, ok := none.Find("po"); ok {
		t.Error("a catalog that is not there yet knows pods")
	}
}

func TestParseQuery(t *testing.T) {
	for line, want := range map[string]Query{
		"":                                      {Namespace: "shop"},
		"kube-system":                           {Namespace: "kube-system"},
		"-A":                                    {},
		"all":                                   {},
		"-n x -l app=web,tier!=db":              {Namespace: "x", Labels: "app=web,tier!=db"},
		"--field-selector status.phase=Running": {Namespace: "shop", Fields: "status.phase=Running"},
	} {
		q, err := ParseQuery(strings.Fields(line), "shop")
		if err != nil || q != want {
			t.Errorf("%q is %+v, %v; want %+v", line, q, err, want)
		}
	}
	for _, line := range []string{"a b", "--wide", "-l a=(", "--field-selector x"} {
		if q, err := ParseQuery(strings.Fields(line), ""); err == nil {
			t.Errorf("%q is %+v", line, q)
		}
	}
}

func TestCompareCells(t *testing.T) {
	for _, c := range []struct{ small, large string }{
		{"2", "10"}, {"1/3", "2/3"}, {"512Mi", "2Gi"}, {"1 (5m ago)", "3 (1s ago)"}, {"alpha", "Beta"}, {"<none>", "web"},
		{"30s", "5m"}, {"5m", "2h"}, {"2m30s", "3m5s"}, {"3m5s", "4m"}, {"23h", "4d2h"}, {"300d", "2y10d"}, {"9d", "<unknown>"},
	} {
		if compareCells("Last Seen", c.small, c.large) >= 0 || compareCells("Last Seen", c.large, c.small) <= 0 {
			t.Errorf("%q is not before %q", c.small, c.large)
		}
	}
	for _, column := range []string{"CPU", "CPU(cores)"} {
		if compareCells(column, "100m", "1") >= 0 {
			t.Errorf("%s: 100m is not before 1", column)
		}
	}
}

// server serves one kind as tables, and a stream of changes.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	lists   int
	queries []string
	// same has each list tell the same.
	same   bool
	events chan string
}

func podTable(version string, withColumns bool, rows ...string) string {
	t := metav1.Table{TypeMeta: metav1.TypeMeta{Kind: "Table", APIVersion: "meta.k8s.io/v1"}}
	t.ResourceVersion = version
	if withColumns {
		t.ColumnDefinitions = []metav1.TableColumnDefinition{{Name: "Name"}, {Name: "Ready"}, {Name: "Status"}, {Name: "Restarts"}, {Name: "Age"}, {Name: "Node", Priority: 1}}
	}
	for i, row := range rows {
		name, status, _ := strings.Cut(row, "=")
		o := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "shop", UID: types.UID("uid-" + name), ResourceVersion: version,
			CreationTimestamp: metav1.NewTime(time.Date(2026, 11, 20, 22, 0, i, 0, time.UTC)),
		}}
		raw, _ := json.Marshal(o)
		r := metav1.TableRow{Cells: []any{name, "1/1", status, float64(i), "1s", "node-1"}}
		r.Object.Raw = raw
		t.Rows = append(t.Rows, r)
	}
	data, _ := json.Marshal(t)
	return string(data)
}

func newServer(t *testing.T) *server {
	s := &server{events: make(chan string, 10)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "as=Table") {
			t.Errorf("accepts %q", r.Header.Get("Accept"))
		}
		s.mu.Lock()
		s.queries = append(s.queries, r.URL.String())
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("watch") == "" {
			s.mu.Lock()
			s.lists++
			n := s.lists
			if s.same {
				n = 1
			}
			s.mu.Unlock()
			fmt.Fprint(w, podTable(fmt.Sprint(n*100), true, "a=Running", "b=Pending"))
			return
		}
		w.(http.Flusher).Flush()
		for {
			select {
			case e := <-s.events:
				if e == "end" {
					return
				}
				fmt.Fprintln(w, e)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) change(kind, table string) {
	s.events <- `{"type":"` + kind + `","object":` + table + `}`
}

func podKind() Kind {
	k, _ := someCatalog().Find("pods")
	return k
}

// until reads states until one has these rows, each a name with its status.
func until(t *testing.T, f Feed, want ...string) State {
	t.Helper()
	got := make(chan State)
	go func() {
		defer close(got)
		for {
			s, open := f.Next()
			if !open {
				return
			}
			var rows []string
			for _, r := range s.Rows {
				rows = append(rows, r.Name+"="+r.Cells[2])
			}
			slices.Sort(rows)
			if slices.Equal(rows, want) {
				got <- s
				return
			}
		}
	}()
	select {
	case s, ok := <-got:
		if !ok {
			t.Fatalf("the feed ended before %v", want)
		}
		return s
	case <-time.After(20 * time.Second):
		t.Fatalf("never: %v", want)
	}
	return State{}
}

// TestFeed follows a kind through changes, the end of a stream, and a history that the
// server has forgotten.
func TestFeed(t *testing.T) {
	s := newServer(t)
	feed, err := FromServer(&rest.Config{Host: s.URL})(podKind(), Query{Namespace: "shop", Labels: "app=web"})
	if err != nil {
		t.Fatal(err)
	}
	state := until(t, feed, "a=Running", "b=Pending")
	if len(state.Columns) != 6 || !state.Loaded || state.Err != nil {
		t.Fatalf("state %+v", state)
	}
	s.change("MODIFIED", podTable("101", true, "b=Running"))
	until(t, feed, "a=Running", "b=Running")
	s.change("DELETED", podTable("102", false, "a=Running"))
	state = until(t, feed, "b=Running")
	if len(state.Columns) != 6 {
		t.Errorf("the columns are gone: %+v", state.Columns)
	}
	s.change("BOOKMARK", podTable("150", false))
	s.events <- "end"
	s.change("ADDED", podTable("151", false, "c=Running"))
	until(t, feed, "b=Running", "c=Running")
	s.change("ERROR", `{"kind":"Status","code":410,"reason":"Expired","message":"too old"}`)
	until(t, feed, "a=Running", "b=Pending")
	feed.Close()
	if _, open := feed.Next(); open {
		t.Error("a closed feed goes on")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.queries, func(q string) bool { return strings.Contains(q, "resourceVersion=150") }) {
		t.Errorf("the bookmark was not used: %v", s.queries)
	}
	if !strings.HasPrefix(s.queries[0], "/api/v1/namespaces/shop/pods?") || !strings.Contains(s.queries[0], "labelSelector=app%3Dweb") {
		t.Errorf("asked %s", s.queries[0])
	}
}

// TestRefresh lists what is watched again, and tells nothing that is known.
func TestRefresh(t *testing.T) {
	s := newServer(t)
	made, err := FromServer(&rest.Config{Host: s.URL})(podKind(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	until(t, made, "a=Running", "b=Pending")
	s.change("MODIFIED", podTable("101", true, "b=Running"))
	until(t, made, "a=Running", "b=Running")
	s.mu.Lock()
	s.same = true
	s.mu.Unlock()
	made.Refresh()
	until(t, made, "a=Running", "b=Pending")
	asked := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.queries)
	}
	const each = 2 // a list and a watch
	for end := time.Now().Add(20 * time.Second); asked() < 2*each && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	made.Refresh()
	for end := time.Now().Add(20 * time.Second); asked() < 3*each; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was not listed again")
		}
	}
	select {
	case <-made.(*feed).dirty:
		t.Error("the same list is told as a change")
	default:
	}
}

// TestTablesThatGrowOldAreListedAgain, and no others.
func TestTablesThatGrowOldAreListedAgain(t *testing.T) {
	for text, want := range map[string]int{"3": 0, "3 (10m ago)": 1, "2m5s": 1} {
		v := newView(t)
		state := stateOf(t, "2", "a=Running", "b=Pending")
		state.Rows[1].Cells[3] = text
		v.take(state)
		g := v.feed.(*given)
		v.Anew()
		if g.refreshed > 0 {
			t.Errorf("%s: listed again at once", text)
		}
		v.ctx.Now = v.ctx.Now.Add(anewTime)
		v.Anew()
		v.Anew()
		if g.refreshed != want {
			t.Errorf("%s: listed again %d times", text, g.refreshed)
		}
		v.kind.Watched = false
		v.ctx.Now = v.ctx.Now.Add(anewTime)
		v.Anew()
		if g.refreshed != want+1 {
			t.Errorf("what is not watched was listed again %d times", g.refreshed-want)
		}
	}
}

// TestRefused gives the server's own sentence.
func TestRefused(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods is forbidden: User \"eve\" cannot list resource \"pods\"","reason":"Forbidden","code":403}`)
	}))
	defer s.Close()
	feed, err := FromServer(&rest.Config{Host: s.URL})(podKind(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	state, open := feed.Next()
	if !open || state.Err == nil || !strings.Contains(state.Err.Error(), `User "eve" cannot list`) {
		t.Errorf("state %+v", state)
	}
}

// given is a feed whose states the test gives.
type given struct {
	closed    atomic.Bool
	refreshed int
}

func (g *given) Next() (State, bool) { return State{}, false }
func (g *given) Refresh()            { g.refreshed++ }
func (g *given) Close()              { g.closed.Store(true) }

func stateOf(t *testing.T, version string, rows ...string) State {
	t.Helper()
	table := &metav1.Table{}
	if err := json.Unmarshal([]byte(podTable(version, true, rows...)), table); err != nil {
		t.Fatal(err)
	}
	s := State{Columns: table.ColumnDefinitions, Loaded: true}
	for i := range table.Rows {
		r, err := readRow(&table.Rows[i])
		if err != nil {
			t.Fatal(err)
		}
		s.Rows = append(s.Rows, r)
	}
	return s
}

func newView(t *testing.T) *View {
	ctx := &pane.Context{Theme: theme.New("dark", true, false), Now: time.Date(2026, 11, 20, 22, 5, 0, 0, time.UTC), Namespace: "shop"}
	v, _ := Open(ctx, func(Kind, Query) (Feed, error) { return &given{}, nil }, podKind(), Query{Namespace: "shop"})
	v.SetSize(80, 20)
	v.take(stateOf(t, "1", "a=Running", "b=Pending", "c=Error"))
	return v
}

func names(v *View) string {
	var list []string
	for _, r := range v.table.rows {
		list = append(list, r.Name)
	}
	return strings.Join(list, " ")
}

// press dispatches a key and returns the message that comes of it.
func press(t *testing.T, v *View, key string) tea.Msg {
	t.Helper()
	cmd, ok := v.Bindings().Dispatch(key)
	if !ok {
		t.Fatalf("no key %q", key)
	}
	if cmd == nil {
		return nil
	}
	return cmd()
}

func TestView(t *testing.T) {
	v := newView(t)
	if got := names(v); got != "a b c" {
		t.Fatalf("rows %s", got)
	}
	press(t, v, "j")
	// The cursor stays on its object when another comes before it.
	v.take(stateOf(t, "2", "a=Running", "aa=Running", "b=Running", "c=Error"))
	if ref, _ := v.Selected(); ref.Name != "b" {
		t.Errorf("the cursor is on %s", ref.Name)
	}
	if !v.Changing() || len(v.changed) == 0 {
		t.Error("the change of a cell is not marked")
	}
	if _, marked := v.changed[cell{"uid-b", 2}]; !marked {
		t.Errorf("marked are %v", v.changed)
	}
	// It is seen without colours, too.
	mark := regexp.MustCompile(`\x1b\[4m\x1b\[1;[0-9;]+m(\w+)`)
	marks := func() string {
		var words []string
		for _, m := range mark.FindAllStringSubmatch(v.View(), -1) {
			words = append(words, m[1])
		}
		return strings.Join(words, " ")
	}
	for _, on := range []int{2, 0} { // where the cursor is, and where it is not
		v.cur.Cursor = on
		if got := marks(); got != "Running 2 3" {
			t.Errorf("with the cursor in row %d, drawn as changed: %q in %q", on, got, v.View())
		}
	}
	v.cur.Cursor = 2
	v.ctx.Now = v.ctx.Now.Add(changedTime)
	if v.Changing() || marks() != "" {
		t.Error("the mark stays")
	}
	// By status: Ready first, then Status.
	press(t, v, "o")
	press(t, v, "o")
	if got := names(v); v.sortBy != "Status" || got != "c a aa b" {
		t.Errorf("by %s: %s", v.sortBy, got)
	}
	press(t, v, "O")
	if got := names(v); got != "a aa b c" {
		t.Errorf("turned round: %s", got)
	}
	v.ctx.Text = "err"
	v.Sync()
	if got := names(v); got != "c" {
		t.Errorf("filtered: %s", got)
	}
	v.ctx.Text = "!err"
	v.Sync()
	if got := names(v); got != "a aa b" {
		t.Errorf("filtered out: %s", got)
	}
}

// TestSideways: columns for which there is no room can be moved to, and are told of.
func TestSideways(t *testing.T) {
	v := newView(t)
	state := stateOf(t, "2", "a=Running")
	state.Rows[0].Cells[5] = strings.Repeat("a-long-name-", 4) + "end"
	v.take(state)
	press(t, v, "w")
	v.SetSize(50, 10)
	seen := func() string { return ansi.Strip(v.View()) }
	if s := seen(); strings.Contains(s, "end") || strings.Contains(s, "+") == strings.Contains(s, "NODE") {
		t.Errorf("at first:\n%s", s)
	}
	v.SetSize(70, 10)
	for range 9 {
		press(t, v, "right")
	}
	if s := seen(); !strings.Contains(s, "name-end") || !strings.Contains(s, "+4 columns") || !strings.Contains(s, " a ") {
		t.Errorf("at the right:\n%s", s)
	}
	for range 9 {
		press(t, v, "left")
	}
	if s := seen(); !strings.Contains(s, "STATUS") {
		t.Errorf("back:\n%s", s)
	}
}

func TestMarks(t *testing.T) {
	v := newView(t)
	press(t, v, "space")
	press(t, v, "space")
	msg, ok := press(t, v, "d").(DeleteMsg)
	if !ok || len(msg.Refs) != 2 || msg.Refs[0].Name != "a" || msg.Refs[1].Name != "b" {
		t.Errorf("deletes %+v", msg)
	}
	v.take(stateOf(t, "2", "b=Pending", "c=Error"))
	if len(v.marked) != 1 {
		t.Errorf("what is gone is still marked: %v", v.marked)
	}
	if f, ok := press(t, v, "F").(pane.ForwardMsg); !ok || f.Ref.Kind != "Pod" || f.Ref.Name != "c" || f.Ref.Namespace != "shop" {
		t.Errorf("forwards to %+v", f)
	}
	if b, _ := v.Bindings().Find("S"); b.Why() == "" {
		t.Error("a pod can be scaled")
	}
}

// TestCommandsTakeMarks: what is marked is scaled, restarted and undone together, where kubectl
// can do it.
func TestCommandsTakeMarks(t *testing.T) {
	ctx := &pane.Context{Theme: theme.New("dark", true, false), Now: time.Now()}
	kind := Kind{GroupVersionResource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, Name: "Deployment", Namespaced: true, Verbs: []string{"patch"}}
	v, _ := Open(ctx, func(Kind, Query) (Feed, error) { return &given{}, nil }, kind, Query{})
	v.SetSize(80, 20)
	rows := func(namespaces ...string) State {
		s := State{Columns: []metav1.TableColumnDefinition{{Name: "Name"}}, Loaded: true}
		for i, ns := range namespaces {
			name := string(rune('a' + i))
			s.Rows = append(s.Rows, Row{UID: types.UID(name), Namespace: ns, Name: name, Version: "1", Cells: []string{name}})
		}
		return s
	}
	v.take(rows("shop", "shop", "shop"))
	for key, want := range map[string]string{
		"S": "scale deployment/a deployment/c -n shop --replicas=", "R": "rollout restart deployment/a deployment/c -n shop",
		"H": "rollout history deployment/a deployment/c -n shop", "U": "rollout undo deployment/a deployment/c -n shop",
	} {
		v.marked = map[types.UID]bool{"a": true, "c": true}
		if msg, _ := press(t, v, key).(pane.PromptMsg); msg.Command != want {
			t.Errorf("%s writes %q, not %q", key, msg.Command, want)
		}
	}
	v.take(rows("bank", "shop", "shop"))
	if msg, ok := press(t, v, "S").(keys.DisabledMsg); !ok || !strings.Contains(msg.Why, "several namespaces") {
		t.Errorf("of two namespaces: %+v", msg)
	}
	clear(v.marked)
	if msg, _ := press(t, v, "R").(pane.PromptMsg); msg.Command != "rollout restart deployment/a -n bank" {
		t.Errorf("without marks: %q", msg.Command)
	}
}

// TestNamespace follows another namespace when the app shows another.
func TestNamespace(t *testing.T) {
	v := newView(t)
	before := v.feed.(*given)
	v.ctx.Namespace = "other"
	v.Sync()
	if v.query.Namespace != "other" || v.feed == Feed(before) {
		t.Errorf("shows %q", v.query.Namespace)
	}
	deadline, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !before.closed.Load() && deadline.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if !before.closed.Load() {
		t.Error("the feed before goes on")
	}
}
