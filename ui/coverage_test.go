package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kubarium/ui/detail"
	"kubarium/ui/graph"
	"kubarium/ui/layout"
)

// noteView notes what a golden shows: types of screens, dialogs and panes, and the parts
// that some have.
func noteView(a *App, seen map[string]bool) {
	name := func(v any) string { return strings.TrimPrefix(reflect.TypeOf(v).String(), "*") }
	if n := len(a.dialogs); n > 0 {
		seen[name(a.dialogs[n-1])] = true
	}
	for _, n := range ring() {
		if p := a.panes[n]; p != nil && a.focus == n && a.top() == nil && !a.booting {
			seen[name(p)] = true
		}
	}
	switch s := a.top().(type) {
	case nil:
	case *detail.View:
		seen["tab "+string(s.Shown())] = true
		seen[name(s)] = true
	case *graph.View:
		seen["graphs "+s.Page()] = true
		seen[name(s)] = true
	default:
		seen[name(s)] = true
	}
	for word, on := range map[string]bool{
		"the start": a.booting, "the terminal": a.inTerminal(), "the command line": a.line.Open(), "the dock": a.line.Docked(), "the filter's line": a.filters.open,
		"the past": a.past != nil, "the lesson": a.focus == layout.Panel, "the map": a.mapOn, "an action on its way": len(a.doings) > 0,
		"a frozen world": a.frozen(), "an API server that is away": a.ctx.Down, "what is broken": len(a.faults) > 0,
	} {
		seen[word] = seen[word] || on
	}
}

// everyView fails unless all that the sources have was seen: who makes a screen, a dialog,
// a pane, a tab or a page, makes its goldens.
func everyView(t *testing.T, seen map[string]bool) {
	t.Helper()
	for what, found := range seen {
		if !found {
			t.Errorf("no golden shows %s", what)
		}
	}
	for _, what := range views(t) {
		if !seen[what] {
			t.Errorf("no golden shows %s: add it to screens()", what)
		}
	}
	for _, page := range graph.Pages() {
		if !seen["graphs "+page] {
			t.Errorf("no golden shows the graphs' page %s: add it to screens()", page)
		}
	}
}

// views finds in the sources what can be seen: types with the methods of a screen, a
// dialog or a pane, and tabs.
func views(t *testing.T) []string {
	t.Helper()
	shapes := map[string][]string{
		"screen": methodsOf(reflect.TypeFor[screen]()),
		"pane":   {"Name", "Title", "Sync", "View", "Bindings"}, // the rest is that of lists
		"dialog": methodsOf(reflect.TypeFor[dialog]()),
	}
	methods := map[string][]string{}
	var found []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil {
					of := file.Name.Name + "." + receiver(d.Recv.List[0].Type)
					methods[of] = append(methods[of], d.Name.Name)
				}
			case *ast.GenDecl:
				found = append(found, tabs(d)...)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, of := range slices.Sorted(maps.Keys(methods)) {
		for shape, want := range shapes {
			if !slices.ContainsFunc(want, func(m string) bool { return !slices.Contains(methods[of], m) }) {
				found = append(found, of)
				counts[shape]++
			}
		}
	}
	// Whoever renames a method must not make the test blind.
	for shape, least := range map[string]int{"screen": 7, "pane": 5, "dialog": 5} {
		if counts[shape] < least {
			t.Errorf("found %d of the kind %s: %v", counts[shape], shape, found)
		}
	}
	return found
}

func methodsOf(of reflect.Type) []string {
	var names []string
	for i := range of.NumMethod() {
		names = append(names, of.Method(i).Name)
	}
	return names
}

func receiver(of ast.Expr) string {
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// tabs are the constants of the type pane.Tab.
func tabs(d *ast.GenDecl) []string {
	var found []string
	for _, s := range d.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || d.Tok != token.CONST {
			continue
		}
		if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Tab" {
			for _, value := range v.Values {
				if text, ok := value.(*ast.BasicLit); ok {
					found = append(found, "tab "+strings.Trim(text.Value, `"`))
				}
			}
		}
	}
	return found
}
