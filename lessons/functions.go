package lessons

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// functions declares what lessons can call, bound to a state. FORMAT.md
// describes each to authors.
func functions(state State, known *resources, namespace string) []cel.EnvOption {
	f := &bindings{state: state, known: known, namespace: namespace}
	str, dyn, optional, list := cel.StringType, cel.DynType, cel.OptionalType(cel.DynType), cel.ListType(cel.DynType)
	return []cel.EnvOption{
		function("object", optional, f.object, str, str, str),
		function("get", optional, f.own, str, str),
		function("here", list, f.here, str),
		function("pod", optional, f.pod, str),
		function("probe", cel.MapType(str, dyn), f.probe, str),
		function("component", str, f.component, str),
		function("scheduling", optional, f.scheduling, str),
		function("showed", cel.BoolType, f.showed, str, str),
		cel.Function("rules",
			overload("rules_first", cel.MapType(str, dyn), f.rules, str),
			overload("rules_on", cel.MapType(str, dyn), f.rules, str, str)),
		cel.Function("looked",
			overload("looked_at", cel.BoolType, f.looked, str),
			overload("looked_at_one", cel.BoolType, f.looked, str, str)),
		function("node", optional, f.node, str),
		cel.Function("objects",
			overload("objects_everywhere", list, f.objects, str),
			overload("objects_in", list, f.objects, str, str)),
		cel.Function("exists", overload("exists_object", cel.BoolType, f.exists, str, str, str)),
		cel.Function("events",
			overload("events_of", list, f.events, str, str, str),
			overload("events_here", list, f.events, str, str)),
		function("commands", list, f.commands),
		function("attempts", cel.IntType, func(...ref.Val) ref.Val { return types.Int(state.Attempts()) }),
		function("typed", cel.BoolType, f.typed, str),
		function("quantity", cel.DoubleType, quantity, dyn),
		function("ready", cel.BoolType, func(a ...ref.Val) ref.Val {
			return types.Bool(condition(object(a[0]), "Ready") == "True")
		}, dyn),
		function("condition", str, func(a ...ref.Val) ref.Val {
			return types.String(condition(object(a[0]), text(a[1])))
		}, dyn, str),
		function("status", str, func(a ...ref.Val) ref.Val { return types.String(podStatus(object(a[0]))) }, dyn),
		function("why", str, func(a ...ref.Val) ref.Val { return types.String(podMessage(object(a[0]))) }, dyn),
		function("owner", str, func(a ...ref.Val) ref.Val { return types.String(owner(object(a[0]))) }, dyn),
	}
}

// quantity is what an amount is in bytes or cores: 128Mi, 0.5, 250m.
func quantity(args ...ref.Val) ref.Val {
	amount, err := resource.ParseQuantity(fmt.Sprint(args[0].Value()))
	if err != nil {
		return types.NewErr("quantity %q: %v", fmt.Sprint(args[0].Value()), err)
	}
	return types.Double(amount.AsApproximateFloat64())
}

type binding = func(...ref.Val) ref.Val

func function(name string, result *cel.Type, f binding, args ...*cel.Type) cel.EnvOption {
	return cel.Function(name, overload("lesson_"+name, result, f, args...))
}

// overload binds one signature; the library wants one-argument ones marked.
func overload(id string, result *cel.Type, f binding, args ...*cel.Type) cel.FunctionOpt {
	bound := cel.FunctionBinding(f)
	if len(args) == 1 {
		bound = cel.UnaryBinding(func(a ref.Val) ref.Val { return f(a) })
	}
	if len(args) == 2 {
		bound = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return f(a, b) })
	}
	return cel.Overload(id, args, result, bound)
}

// bindings are the functions that look at the state.
type bindings struct {
	state     State
	known     *resources
	namespace string
}

func (b *bindings) object(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	return b.get(text(args[0]), text(args[1]), text(args[2]))
}

func (b *bindings) pod(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	return b.get("pods", b.namespace, text(args[0]))
}

// own returns an object of the lesson's namespace, or one that has none.
func (b *bindings) own(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	return b.get(text(args[0]), b.spaceOf(text(args[0])), text(args[1]))
}

func (b *bindings) spaceOf(resource string) string {
	if res, err := b.known.find(resource); err == nil && !res.Namespaced {
		return ""
	}
	return b.namespace
}

// here returns the objects of the lesson's namespace that are not being deleted.
func (b *bindings) here(args ...ref.Val) ref.Val {
	return b.list(args, func(o map[string]any) bool {
		return field(o, "metadata", "namespace") == b.namespace && field(o, "metadata", "deletionTimestamp") == ""
	})
}

func (b *bindings) probe(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	a := b.state.Probe(text(args[0]))
	return types.DefaultTypeAdapter.NativeToValue(map[string]any{
		"ok": a.OK, "output": a.Output, "asked": int64(a.Asked), "failed": int64(a.Failed), "processes": a.Processes,
	})
}

// scheduling returns what the scheduler decided last for a pod of the lesson's namespace.
func (b *bindings) scheduling(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	a := b.state.Attempt(b.namespace, text(args[0]))
	if a == nil {
		return types.OptionalNone
	}
	return types.OptionalOf(types.DefaultTypeAdapter.NativeToValue(map[string]any{
		"node": a.Node, "error": a.Error, "nodes": a.Nodes, "count": int64(a.Count),
	}))
}

func (b *bindings) component(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	return types.String(b.state.Component(text(args[0])))
}

// showed reports whether a command like the pattern was typed, succeeded, and
// printed the text.
func (b *bindings) showed(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	for _, c := range b.state.Commands() {
		if c.Exit == 0 && matches(text(args[0]), c.Line) && strings.Contains(c.Output, text(args[1])) {
			return types.True
		}
	}
	return types.False
}

func (b *bindings) node(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	return b.get("nodes", "", text(args[0]))
}

func (b *bindings) get(resource, namespace, name string) ref.Val {
	res, err := b.known.find(resource)
	if err != nil {
		return types.WrapErr(err)
	}
	found := b.state.Object(res.GroupVersionResource, namespace, name)
	if found == nil {
		return types.OptionalNone
	}
	return types.OptionalOf(types.DefaultTypeAdapter.NativeToValue(found))
}

func (b *bindings) exists(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	found, ok := b.get(text(args[0]), text(args[1]), text(args[2])).(*types.Optional)
	return types.Bool(ok && found.HasValue())
}

func (b *bindings) objects(args ...ref.Val) ref.Val {
	return b.list(args, func(o map[string]any) bool {
		return len(args) == 1 || field(o, "metadata", "namespace") == text(args[1])
	})
}

// list returns those objects that are wanted of the resource that the first argument names.
func (b *bindings) list(args []ref.Val, wanted func(o map[string]any) bool) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	res, err := b.known.find(text(args[0]))
	if err != nil {
		return types.WrapErr(err)
	}
	all := []any{}
	for _, o := range b.state.Objects(res.GroupVersionResource) {
		if wanted(o) {
			all = append(all, o)
		}
	}
	return types.DefaultTypeAdapter.NativeToValue(all)
}

// events returns what was reported about an object, oldest first.
func (b *bindings) events(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	res, err := b.known.find(text(args[0]))
	if err != nil {
		return types.WrapErr(err)
	}
	namespace, name := b.spaceOf(text(args[0])), text(args[len(args)-1])
	if len(args) == 3 {
		namespace = text(args[1])
	}
	all := []any{}
	for _, e := range b.state.Objects(schema.GroupVersionResource{Version: "v1", Resource: "events"}) {
		if field(e, "involvedObject", "name") == name &&
			field(e, "involvedObject", "namespace") == namespace &&
			(res.Kind == "" || field(e, "involvedObject", "kind") == res.Kind) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(x, y any) int {
		return strings.Compare(field(x.(map[string]any), "metadata", "creationTimestamp"),
			field(y.(map[string]any), "metadata", "creationTimestamp"))
	})
	return types.DefaultTypeAdapter.NativeToValue(all)
}

func (b *bindings) commands(...ref.Val) ref.Val {
	all := []any{}
	for _, c := range b.state.Commands() {
		words, _ := Words(c.Line)
		all = append(all, map[string]any{"line": c.Line, "words": words, "exit": int64(c.Exit), "output": c.Output})
	}
	return types.DefaultTypeAdapter.NativeToValue(all)
}

// typed reports whether a command like the pattern was typed and succeeded.
func (b *bindings) typed(args ...ref.Val) ref.Val {
	if err := firstError(args); err != nil {
		return err
	}
	for _, c := range b.state.Commands() {
		if c.Exit == 0 && matches(text(args[0]), c.Line) {
			return types.True
		}
	}
	return types.False
}

func firstError(args []ref.Val) ref.Val {
	for _, a := range args {
		if types.IsUnknownOrError(a) {
			return a
		}
	}
	return nil
}

func text(v ref.Val) string {
	s, _ := v.Value().(string)
	return s
}

// object unwraps an object or an optional one; nil when there is none.
func object(v ref.Val) map[string]any {
	if o, ok := v.(*types.Optional); ok {
		if !o.HasValue() {
			return nil
		}
		v = o.GetValue()
	}
	m, _ := v.Value().(map[string]any)
	return m
}

func field(o map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

// condition returns the status of a condition: "True", "False", "Unknown" or
// "" when the object does not have it.
func condition(o map[string]any, kind string) string {
	for _, c := range maps(o, "status", "conditions") {
		if field(c, "type") == kind {
			return field(c, "status")
		}
	}
	return ""
}

// Ready reports whether an object says that it is ready.
func Ready(o map[string]any) bool { return condition(o, "Ready") == "True" }

// Status is one word for a pod's state, as the STATUS column of kubectl get has it.
func Status(pod map[string]any) string { return podStatus(pod) }

// podStatus is one word for a pod's state, as the STATUS column of kubectl
// get has it.
func podStatus(o map[string]any) string {
	if o == nil {
		return "not there"
	}
	if field(o, "metadata", "deletionTimestamp") != "" {
		return "Terminating"
	}
	if c := stuckContainer(o); c != nil {
		return field(c, "reason")
	}
	if reason := field(o, "status", "reason"); reason != "" {
		return reason
	}
	return field(o, "status", "phase")
}

// podMessage is the reason that Kubernetes itself gives for a pod's state.
func podMessage(o map[string]any) string {
	if c := stuckContainer(o); c != nil && field(c, "message") != "" {
		return field(c, "message")
	}
	for _, c := range maps(o, "status", "conditions") {
		if field(c, "status") == "False" && field(c, "message") != "" {
			return field(c, "message")
		}
	}
	return "no reason given yet"
}

// stuckContainer returns the state of the first container that waits or ended.
func stuckContainer(o map[string]any) map[string]any {
	statuses := append(maps(o, "status", "initContainerStatuses"), maps(o, "status", "containerStatuses")...)
	for _, status := range statuses {
		for _, state := range []string{"waiting", "terminated"} {
			inner, ok, _ := unstructured.NestedMap(status, "state", state)
			if ok && field(inner, "reason") != "" && field(inner, "reason") != "Completed" {
				return inner
			}
		}
	}
	return nil
}

// owner names what controls an object, as in "ReplicaSet/web-5d9c", or "".
func owner(o map[string]any) string {
	for _, r := range maps(o, "metadata", "ownerReferences") {
		if controller, _, _ := unstructured.NestedBool(r, "controller"); controller {
			return fmt.Sprintf("%s/%s", field(r, "kind"), field(r, "name"))
		}
	}
	return ""
}

func maps(o map[string]any, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	items, _ := list.([]any)
	var all []map[string]any
	for _, i := range items {
		if m, ok := i.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}
