package lessons

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// RulesOf names the packet rules at which an expression looks: those of a Service of the
// lesson's namespace, on a node; "" is the first node that runs.
type RulesOf struct {
	Service, Node string
}

// Rules are what the kernel of a node does with packets to a Service.
type Rules struct {
	// Seen says that they were read; before that, nothing is known.
	Seen bool
	// Node is where; Doors are how packets come in: map, match, verdict.
	Node  string
	Doors []map[string]any
	// Endpoints are the addresses to which packets may be sent, each once.
	Endpoints []string
	// Text is all of it, in nft's words.
	Text string
}

func (b *bindings) rules(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	of := RulesOf{Service: text(args[0])}
	if len(args) > 1 {
		of.Node = text(args[1])
	}
	r := b.state.Rules(of)
	doors, endpoints := []any{}, []any{}
	for _, d := range r.Doors {
		doors = append(doors, d)
	}
	for _, e := range r.Endpoints {
		endpoints = append(endpoints, e)
	}
	return types.DefaultTypeAdapter.NativeToValue(map[string]any{
		"seen": r.Seen, "node": r.Node, "doors": doors, "endpoints": endpoints, "text": r.Text,
	})
}

// rulesOf notes which rules an expression looks at: only these are read.
func (c *compiler) rulesOf(args []ast.Expr, e Expr, what string) {
	var words []string
	for _, a := range args {
		word := ""
		if a.Kind() == ast.LiteralKind {
			word, _ = a.AsLiteral().Value().(string)
		}
		if word == "" {
			c.report.add(e.line, "%s: the names in rules(...) must be written out, such as rules(\"web\", \"node-1\")", what)
			return
		}
		words = append(words, word)
	}
	of := RulesOf{Service: words[0]}
	if len(words) > 1 {
		of.Node = words[1]
	}
	if !slices.Contains(c.rules, of) {
		c.rules = append(c.rules, of)
	}
}

// RulesOf are the packet rules at which the step's expressions look. A name of let
// that speaks of rules stands for all of them.
func (l *Lesson) RulesOf(s *Step) []RulesOf {
	if !strings.Contains(l.text, "rules(") || !slices.ContainsFunc(l.names("rules("), s.speaks) {
		return nil
	}
	known := newResources()
	env, err := newEnv(nothing{}, known, l.Space())
	if err != nil {
		return nil
	}
	c := &compiler{env: env, known: known, report: &reporter{}, used: map[string]bool{}}
	c.lesson(l)
	return c.rules
}
