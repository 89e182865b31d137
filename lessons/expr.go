package lessons

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Expr is a CEL expression and where it stands.
type Expr struct {
	Source string

	line     int
	nameLine int
}

// IsZero reports whether there is no expression.
func (e Expr) IsZero() bool { return strings.TrimSpace(e.Source) == "" }

// has reports whether any of the words is in the expression.
func (e Expr) has(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(e.Source, w) })
}

// Text is a sentence with CEL expressions in {{ }}.
type Text struct {
	Source string

	line int
}

// IsZero reports whether there is no text.
func (t Text) IsZero() bool { return strings.TrimSpace(t.Source) == "" }

// State is what expressions look at.
type State interface {
	// Object returns an object, or nil. The namespace of cluster-wide objects is "".
	Object(gvr schema.GroupVersionResource, namespace, name string) map[string]any
	// Objects returns all objects of a resource, ordered by namespace and name.
	Objects(gvr schema.GroupVersionResource) []map[string]any
	// Commands returns what was typed since the step began.
	Commands() []Command
	// Attempts counts the commands that were typed in this step, in all sessions.
	Attempts() int
	// Probe returns the newest answer of a probe; the zero Answer before that.
	Probe(name string) Answer
	// Attempt returns the newest decision of the scheduler on a pod, nil if none was seen.
	Attempt(namespace, name string) *Attempt
	// Looks returns what the learner looked at in this step.
	Looks() []Look
	// Rules returns the packet rules of a Service, as they are now.
	Rules(of RulesOf) Rules
	// Component returns the state of a node or a part of the control plane, as
	// the cluster's owner sees it: "Ready", "Stopped"; "" when it is not known.
	Component(name string) string
}

// Answer is what a probe found.
type Answer struct {
	OK     bool
	Output string
	// At is when it came.
	At time.Time
	// Asked and Failed count the answers since the step began.
	Asked, Failed int
	// Processes are what runs in the containers of a pod: its container, pid, parent,
	// command, state, memory and cgroup.
	Processes []map[string]any
}

// Attempt is what the scheduler decided for a pod.
type Attempt struct {
	// Node is the one that it chose; Error is why it found none.
	Node, Error string
	// Nodes are its verdicts: node, fits, plugin, reasons, scores, total.
	Nodes []map[string]any
	// Count is how often it has tried.
	Count int
}

// costLimit bounds what one evaluation may do, so that an expression in
// someone else's lesson cannot hang the app.
const costLimit = 5_000_000

// Eval evaluates the expressions of one lesson against a state. It is not
// safe for concurrent use.
type Eval struct {
	env      *cel.Env
	lets     []letProgram
	programs map[string]cel.Program
}

type letProgram struct {
	name    string
	program cel.Program
}

// NewEval prepares the lesson's expressions for a state.
func NewEval(lesson *Lesson, state State) (*Eval, error) {
	env, err := newEnv(state, builtIn(), lesson.Space())
	if err != nil {
		return nil, fmt.Errorf("expression environment: %w", err)
	}
	e := &Eval{env: env, programs: map[string]cel.Program{}}
	for _, let := range lesson.Let {
		if err := e.addLet(let); err != nil {
			return nil, fmt.Errorf("let %s: %w", let.Name, err)
		}
	}
	return e, nil
}

func newEnv(state State, known *resources, namespace string) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Lists(),
		cel.CrossTypeNumericComparisons(true),
	}
	return cel.NewEnv(append(options, functions(state, known, namespace)...)...)
}

func (e *Eval) addLet(let Let) error {
	compiled, issues := e.env.Compile(let.Expr.Source)
	if issues.Err() != nil {
		return issues.Err()
	}
	program, err := e.env.Program(compiled, cel.CostLimit(costLimit))
	if err != nil {
		return err
	}
	env, err := e.env.Extend(cel.Variable(let.Name, compiled.OutputType()))
	if err != nil {
		return err
	}
	e.env = env
	e.lets = append(e.lets, letProgram{let.Name, program})
	return nil
}

// Bool evaluates a condition. What cannot be evaluated (a field that an
// object does not have yet) is an error and not true.
func (e *Eval) Bool(expr Expr) (bool, error) {
	value, err := e.value(expr.Source)
	if err != nil {
		return false, err
	}
	b, ok := value.(types.Bool)
	if !ok {
		return false, fmt.Errorf("expression is %s, not true or false", value.Type())
	}
	return bool(b), nil
}

// Text fills in a sentence. An expression that cannot be evaluated becomes "?".
func (e *Eval) Text(t Text) string {
	text, _ := e.Sentence(t)
	return text
}

// Sentence is Text, and tells authors what could not be evaluated.
func (e *Eval) Sentence(t Text) (text string, gaps error) {
	pieces, err := t.pieces()
	if err != nil {
		return t.Source, err
	}
	var b strings.Builder
	for _, p := range pieces {
		if !p.isExpr {
			b.WriteString(p.text)
			continue
		}
		value, err := e.value(p.text)
		if err != nil {
			gaps = errors.Join(gaps, fmt.Errorf("%s: %w", p.text, err))
			b.WriteString("?")
			continue
		}
		b.WriteString(display(value))
	}
	return b.String(), gaps
}

func (e *Eval) value(source string) (ref.Val, error) {
	program, ok := e.programs[source]
	if !ok {
		compiled, issues := e.env.Compile(source)
		if issues.Err() != nil {
			return nil, issues.Err()
		}
		var err error
		if program, err = e.env.Program(compiled, cel.CostLimit(costLimit)); err != nil {
			return nil, err
		}
		e.programs[source] = program
	}
	value, _, err := program.Eval(e.variables())
	return value, err
}

// variables evaluates each let when it is first used, and once per evaluation.
func (e *Eval) variables() map[string]any {
	vars := map[string]any{}
	for _, let := range e.lets {
		vars[let.name] = func() ref.Val {
			value, _, err := let.program.Eval(vars)
			if err != nil {
				return types.WrapErr(err)
			}
			return value
		}
	}
	return vars
}

// piece is a stretch of a sentence: text, or an expression.
type piece struct {
	text   string
	isExpr bool
}

func (t Text) pieces() ([]piece, error) {
	var pieces []piece
	rest := t.Source
	for {
		before, after, found := strings.Cut(rest, "{{")
		pieces = append(pieces, piece{text: before})
		if !found {
			return pieces, nil
		}
		inner, tail, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, errors.New("{{ is never closed by }}")
		}
		pieces = append(pieces, piece{text: strings.TrimSpace(inner), isExpr: true})
		rest = tail
	}
}

// display is a value in a sentence.
func display(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case *types.Optional:
		if !v.HasValue() {
			return "none"
		}
		return display(v.GetValue())
	case traits.Lister:
		var all []string
		for it := v.Iterator(); it.HasNext() == types.True; {
			all = append(all, display(it.Next()))
		}
		if len(all) == 0 {
			return "none"
		}
		return strings.Join(all, ", ")
	}
	if _, ok := v.(traits.Mapper); ok {
		// As the API writes it, and not as Go prints it.
		if native, err := v.ConvertToNative(reflect.TypeFor[*structpb.Value]()); err == nil {
			if text, err := json.Marshal(native.(*structpb.Value).AsInterface()); err == nil {
				return string(text)
			}
		}
	}
	if s, ok := v.ConvertToType(types.StringType).(types.String); ok {
		return string(s)
	}
	return fmt.Sprint(v.Value())
}

// compiler checks the expressions of one lesson at load.
type compiler struct {
	env    *cel.Env
	known  *resources
	report *reporter
	used   map[string]bool
	probes map[string]bool
	rules  []RulesOf
}

// condition checks an expression that must be true or false.
func (c *compiler) condition(e Expr, what string) {
	compiled := c.compile(e, what)
	if compiled == nil {
		return
	}
	if t := compiled.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		c.report.add(e.line, "%s is of type %s; it must be true or false", what, t)
	}
}

// text checks the expressions within a sentence.
func (c *compiler) text(t Text, what string) {
	pieces, err := t.pieces()
	if err != nil {
		c.report.add(t.line, "%s: %v", what, err)
		return
	}
	for _, p := range pieces {
		if p.isExpr {
			c.compile(Expr{Source: p.text, line: t.line}, what)
		}
	}
}

// let checks a named expression and makes its name known.
func (c *compiler) let(l Let) {
	compiled := c.compile(l.Expr, fmt.Sprintf("let %q", l.Name))
	kind := cel.DynType
	if compiled != nil {
		kind = compiled.OutputType()
	}
	env, err := c.env.Extend(cel.Variable(l.Name, kind))
	if err != nil {
		c.report.add(l.Expr.nameLine, "let %q: %v", l.Name, err)
		return
	}
	c.env = env
}

func (c *compiler) compile(e Expr, what string) *cel.Ast {
	compiled, issues := c.env.Compile(e.Source)
	if issues.Err() != nil {
		for _, err := range issues.Errors() {
			message := strings.ReplaceAll(err.Message, " (in container '')", "")
			c.report.add(e.line+err.Location.Line()-1, "%s: %s (column %d of the expression)", what, message, err.Location.Column()+1)
		}
		return nil
	}
	c.find(compiled.NativeRep().Expr(), e, what)
	return compiled
}

// find notes which resources an expression looks at: only these are watched.
func (c *compiler) find(root ast.Expr, e Expr, what string) {
	ast.PreOrderVisit(root, ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.CallKind {
			return
		}
		call := x.AsCall()
		switch call.FunctionName() {
		case "pod", "scheduling":
			c.used["pods"] = true
		case "probe":
			c.probe(call.Args(), e, what)
		case "rules":
			c.rulesOf(call.Args(), e, what)
		case "looked":
			c.view(call.Args(), e, what)
		case "node":
			c.used["nodes"] = true
		case "object", "objects", "exists", "events", "get", "here":
			if len(call.Args()) == 0 || (call.FunctionName() == "exists" && call.IsMemberFunction()) {
				return
			}
			c.resource(call.Args()[0], call.FunctionName(), e, what)
			if call.FunctionName() == "events" {
				c.used["events"] = true
			}
		}
	}))
}

// probe notes which probes an expression looks at: only these are run.
func (c *compiler) probe(args []ast.Expr, e Expr, what string) {
	if len(args) == 0 || args[0].Kind() != ast.LiteralKind {
		c.report.add(e.line, "%s: the name in probe(...) must be written out", what)
		return
	}
	name, _ := args[0].AsLiteral().Value().(string)
	if !c.probes[name] {
		c.report.add(e.line, "%s: the lesson has no probe %q", what, name)
	}
}

func (c *compiler) resource(arg ast.Expr, function string, e Expr, what string) {
	var name string
	if arg.Kind() == ast.LiteralKind {
		name, _ = arg.AsLiteral().Value().(string)
	}
	if name == "" {
		c.report.add(e.line, "%s: the resource in %s(...) must be written out, such as \"pods\"", what, function)
		return
	}
	if _, err := c.known.find(name); err != nil {
		c.report.add(e.line, "%s: %v", what, err)
		return
	}
	if function != "events" {
		c.used[name] = true
	}
}
