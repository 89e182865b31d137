package lessons

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Look is something that the learner looked at: in the app, or by a command.
type Look struct {
	// View is how: one of Views.
	View string
	// Resource, Namespace and Name are of what; "" where there is no such thing.
	Resource, Namespace, Name string
}

// Views are the ways in which something can be looked at.
func Views() []string {
	return []string{"list", "describe", "yaml", "logs", "events", "inside", "story", "tree", "glass", "etcd", "graphs"}
}

// LooksOf are what a command line shows, for one who works in a namespace.
func LooksOf(line, namespace string) []Look {
	if args, ok := ToolOf(line); ok {
		return toolLooks(args, namespace)
	}
	args, ok := KubectlArgs(line)
	if !ok {
		return nil
	}
	words, flags := normal(args)
	if len(words) == 0 {
		return nil
	}
	if n, ok := flags["namespace"]; ok {
		namespace = n
	}
	switch words[0] {
	case "get", "describe", "top":
		return kubectlLooks(words, flags, namespace)
	case "logs":
		resource, names := "pods", words[1:]
		if len(names) > 1 && strings.HasSuffix(names[0], "s") {
			resource, names = names[0], names[1:] // deployment/web
		}
		if len(names) == 0 { // chosen by labels
			names = []string{""}
		}
		return []Look{{View: "logs", Resource: resource, Namespace: namespace, Name: names[0]}}
	case "events":
		_, name, _ := strings.Cut(flags["for"], "/")
		return []Look{{View: "events", Namespace: namespace, Name: name}}
	}
	return nil
}

func kubectlLooks(words []string, flags map[string]string, namespace string) []Look {
	if len(words) < 2 {
		return nil
	}
	view := "list"
	format := flags["output"]
	switch {
	case words[0] == "describe":
		view = "describe"
	case strings.HasPrefix(format, "yaml"), strings.HasPrefix(format, "json"):
		view = "yaml"
	}
	names := words[2:]
	if len(names) == 0 {
		names = []string{""}
	}
	var all []Look
	for _, resource := range strings.Split(words[1], ",") {
		resource = plural(resource)
		space := namespace
		if clusterScoped(resource) {
			space = ""
		}
		if resource == "events" {
			all = append(all, Look{View: "events", Namespace: space})
		}
		for _, name := range names {
			all = append(all, Look{View: view, Resource: resource, Namespace: space, Name: name})
		}
	}
	return all
}

// toolLooks are what Kubarium's own commands show.
func toolLooks(args []string, namespace string) []Look {
	switch args[0] {
	case "etcd":
		return []Look{{View: "etcd"}}
	case "trace":
		return []Look{{View: "glass"}}
	case "inspect":
		words, flags := normal(args[1:])
		resource := map[string]string{"node": "nodes", "container": "pods", "pod": "pods", "service": "services", "svc": "services"}[words[0]]
		if resource == "" || len(words) < 2 {
			return nil
		}
		if n, ok := flags["namespace"]; ok {
			namespace = n
		} else if resource != "nodes" {
			namespace = "default" // the command's own
		}
		if resource == "nodes" {
			namespace = ""
		}
		return []Look{{View: "inside", Resource: resource, Namespace: namespace, Name: words[len(words)-1]}}
	}
	return nil
}

// looked reports whether something was looked at in this step: looked("logs"),
// looked("logs", "web"), looked("pods", "web"). A description shows events, too.
func (b *bindings) looked(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	what := text(args[0])
	for _, l := range b.state.Looks() {
		as := l.View == what || l.Resource == what || (what == "events" && l.View == "describe")
		if !as || (l.Namespace != "" && l.Namespace != b.namespace && !slices.Contains(Views(), what)) {
			continue
		}
		if len(args) == 1 || (l.Name == text(args[1]) && (l.Namespace == "" || l.Namespace == b.namespace)) {
			return types.True
		}
	}
	return types.False
}

// view wants the first argument of looked(...) to be a view or a resource.
func (c *compiler) view(args []ast.Expr, e Expr, what string) {
	var name string
	if len(args) > 0 && args[0].Kind() == ast.LiteralKind {
		name, _ = args[0].AsLiteral().Value().(string)
	}
	if slices.Contains(Views(), name) {
		return
	}
	if _, err := c.known.find(name); err != nil {
		c.report.add(e.line, "%s: looked(...) wants a resource, such as \"pods\", or one of %s, written out", what, strings.Join(Views(), ", "))
	}
}
