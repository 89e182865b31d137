package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"k8s.io/client-go/discovery"

	"kubarium/ui/command"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// catalogMsg brings the kinds that the API server serves.
type catalogMsg struct {
	catalog *resource.Catalog
	err     error
}

// browseMsg asks for the table of a kind.
type browseMsg struct {
	kind  resource.Kind
	query resource.Query
	err   error
}

// discover asks what kinds there are; definitions of new ones come and go.
func (a *App) discover() tea.Cmd {
	if a.client == nil {
		return nil
	}
	life, client := a.ctx.Lifetime(), a.client
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, actionTime)
		defer cancel()
		catalog, err := discover(ctx, client.Discovery())
		return catalogMsg{catalog, err}
	}
}

func discover(ctx context.Context, client discovery.DiscoveryInterface) (*resource.Catalog, error) {
	return resource.Discover(ctx, client)
}

// kindOf is the resource of an object's kind.
func (a *App) kindOf(ref watch.Ref) (group, resource string, ok bool) {
	k, ok := a.catalog.Of(ref)
	return k.Group, k.Resource, ok
}

// resolve reads a line that is no kubectl command but the name of a kind: "po", "deploy
// shop", "svc -l app=web".
func (a *App) resolve(line string) (tea.Msg, bool) {
	words, err := command.Args(line)
	if err != nil || len(words) == 0 {
		return nil, false
	}
	if own := (pageMsg{line}); own.run() != nil {
		return own, true
	}
	if words, ok := forwardWords(line); ok {
		return forwardMsg{words}, true
	}
	if words, ok := packetWords(line); ok {
		return packetMsg{words}, true
	}
	if words[0] == "tree" {
		return treeMsg{words[1:]}, true
	}
	kind, ok := a.catalog.Find(words[0])
	if !ok {
		return nil, false
	}
	query, err := resource.ParseQuery(words[1:], a.ctx.Namespace)
	return browseMsg{kind: kind, query: query, err: err}, true
}

func (a *App) browse(msg browseMsg) tea.Cmd {
	switch {
	case msg.err != nil:
		a.push(note("Not shown", msg.err.Error()))
		return nil
	case a.tables == nil:
		a.say(theme.Warn, "the API server has not answered yet")
		return nil
	}
	a.line.Leave()
	return a.closeScreens(func() tea.Cmd {
		a.ctx.Text = ""
		if msg.kind.Namespaced {
			// One namespace is shown everywhere, or all.
			a.ctx.Namespace = msg.query.Namespace
		}
		view, cmd := resource.Open(a.ctx, a.tables, msg.kind, msg.query)
		a.pushScreen(view)
		return tea.Batch(cmd, a.sync())
	})
}

// versionOf is the version of an object in the screens below, "" if it is in none.
func (a *App) versionOf(ref watch.Ref) string {
	for _, s := range a.screens {
		if follows, ok := s.(interface{ Version(watch.Ref) string }); ok {
			if version := follows.Version(ref); version != "" {
				return version
			}
		}
	}
	return ""
}

// tableTop is the table that is seen; nil if none is.
func (a *App) tableTop() *resource.View {
	table, _ := a.top().(*resource.View)
	return table
}

// askDeleteAll asks before it deletes several objects.
func (a *App) askDeleteAll(refs []watch.Ref) {
	if len(refs) == 1 {
		a.askDelete(refs[0])
		return
	}
	const named = 10
	var names []string
	for i, r := range refs {
		if i == named {
			names = append(names, fmt.Sprintf("and %d more", len(refs)-named))
			break
		}
		names = append(names, strings.TrimPrefix(r.Namespace+"/", "/")+r.Name)
	}
	if a.noRewinder() == "" {
		names = append(names, "", undoable)
	}
	b := a.backend
	title := fmt.Sprintf("Delete these %d?", len(refs))
	a.push(&confirm{title: title, text: strings.Join(names, "\n"), yes: "delete", do: func(a *App) tea.Cmd {
		return a.do(fmt.Sprintf("deleting %d objects", len(refs)), fmt.Sprintf("%d objects deleted", len(refs)), func(ctx context.Context) error {
			var errs []error
			for _, r := range refs {
				errs = append(errs, b.Delete(ctx, r))
			}
			return errors.Join(errs...)
		})
	}})
}
