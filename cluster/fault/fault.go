// Package fault breaks parts of a running cluster on purpose, and heals them: real
// faults, each of which ends on its own after a limit. DESIGN.md tells what each does.
package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is one kind of fault.
type Fault struct {
	// Name is what commands and lessons call it: "node-partition".
	Name string
	// Target says what it is done to: "NODE", "[NAMESPACE/]POD[/CONTAINER]".
	Target string
	// Summary is a line for lists.
	Summary string
	// Expect says what happens next, and what heals.
	Expect string
	// Default and Max are how long it lasts unless told otherwise, and at most. Zero
	// is a fault that is done at once: the cluster itself heals what it did.
	Default, Max time.Duration
	// Params can change it.
	Params []Param

	// alone names what only one fault of a target may have changed at a time.
	alone string
	// lasting faults are in what the cluster stores, and have to be healed before it
	// stops. The others end with it, however it ends.
	lasting bool
	// inject breaks something and returns what heals it: nil if nothing is left to
	// heal. With an error it returns heal if half of it may have happened. heal may be
	// called when the target is gone, and more than once.
	inject func(ctx context.Context, w World, o Order) (heal func(context.Context) error, err error)
}

// Param is something about a fault that can be chosen.
type Param struct {
	Name    string `json:"name"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
}

// Order asks for a fault.
type Order struct {
	Name   string `json:"name"`
	Target string `json:"target"`
	// For is how long it is to last; 0 is the fault's default.
	For    time.Duration     `json:"for,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}

// Once reports whether the fault is done in an instant.
func (f Fault) Once() bool { return f.Max == 0 }

// param returns what was ordered, or the default.
func (f Fault) param(o Order, name string) string {
	if value, given := o.Params[name]; given {
		return value
	}
	for _, p := range f.Params {
		if p.Name == name {
			return p.Default
		}
	}
	return ""
}

// complete checks an order and fills in what it leaves open.
func (f Fault) complete(o Order) (Order, error) {
	if f.plain(o.Target) == "" {
		return o, fmt.Errorf("%s needs a target: kubarium fault inject %s %s", f.Name, f.Name, f.Target)
	}
	o.Target = f.plain(o.Target)
	switch {
	case o.For < 0:
		return o, fmt.Errorf("%s cannot last %s: give --for a positive time", f.Name, o.For)
	case f.Once() && o.For != 0:
		return o, fmt.Errorf("%s is done at once: leave out --for", f.Name)
	case o.For > f.Max:
		return o, fmt.Errorf("%s lasts at most %s", f.Name, f.Max)
	case o.For == 0:
		o.For = f.Default
	}
	params := make(map[string]string, len(f.Params))
	for _, p := range f.Params {
		params[p.Name] = f.param(o, p.Name)
	}
	for name := range o.Params {
		if _, known := params[name]; !known {
			return o, fmt.Errorf("%s has no parameter %q; it has %s", f.Name, name, f.paramNames())
		}
	}
	o.Params = params
	return o, nil
}

// plain is how a target is called that can be written in two ways: node/node-1 is node-1.
// There must not be two faults of one target.
func (f Fault) plain(target string) string {
	if f.Target != nodeTarget && f.Target != componentTarget {
		return target
	}
	return nodeName(target)
}

func (f Fault) paramNames() string {
	if len(f.Params) == 0 {
		return "none"
	}
	names := make([]string, 0, len(f.Params))
	for _, p := range f.Params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// Find returns the fault called name.
func Find(name string) (Fault, error) {
	all := Catalogue()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i >= 0 {
		return all[i], nil
	}
	names := make([]string, 0, len(all))
	for _, f := range all {
		names = append(names, f.Name)
	}
	return Fault{}, fmt.Errorf("there is no fault %q; there are %s", name, strings.Join(names, ", "))
}
