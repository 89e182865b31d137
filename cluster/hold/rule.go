// Package hold keeps write requests to the API server waiting, so that what a component
// is about to do can be seen, and be let through one at a time. DESIGN.md tells how the
// cluster survives it.
package hold

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is a request to the API server, as far as rules look at it.
type Request struct {
	User  string `json:"user"`
	Agent string `json:"agent"`
	Verb  string `json:"verb"`
	// Group, Resource and the rest name the object.
	Group       string `json:"group,omitempty"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	Path        string `json:"path"`
	// Does says what it would do: "bind web-1 to node-2".
	Does string `json:"does"`
}

// Rule says which requests wait.
type Rule struct {
	// Name is a kind of request (Kinds), or who makes it: "kube-scheduler".
	Name string `json:"name"`
	// Namespace, if set, is the only one whose requests wait.
	Namespace string `json:"namespace,omitempty"`
	// Rate, if above 0, is the speed at which requests go through by themselves: 0.1
	// is a tenth of what it would be. 0 lets none through.
	Rate float64 `json:"rate,omitempty"`
	// Since is when it was made.
	Since time.Time `json:"since"`
}

// kinds are rules about what a request does.
var kinds = map[string]func(Request) bool{
	"bindings":       func(r Request) bool { return r.Verb == "create" && r.is("pods", "binding") },
	"pod-creations":  func(r Request) bool { return r.Verb == "create" && r.is("pods", "") },
	"status-updates": func(r Request) bool { return r.Subresource == "status" },
	"deletions":      func(r Request) bool { return strings.HasPrefix(r.Verb, "delete") || r.is("pods", "eviction") },
	"writes":         func(Request) bool { return true },
}

// Kinds are the names of rules about what a request does, in order.
func Kinds() []string {
	return []string{"bindings", "pod-creations", "status-updates", "deletions", "writes"}
}

func (r Request) is(resource, subresource string) bool {
	return r.Group == "" && r.Resource == resource && r.Subresource == subresource
}

// check refuses what matches nothing, or by its speed nothing ever.
func (r Rule) check() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("name what is to wait: one of %s, or who asks, such as kube-scheduler", strings.Join(Kinds(), ", "))
	case strings.ContainsAny(r.Name, " \t\n"):
		return fmt.Errorf("%q is no rule: write one of %s, or who asks, such as kube-scheduler", r.Name, strings.Join(Kinds(), ", "))
	case r.Rate != 0 && !validRate(r.Rate):
		return fmt.Errorf("rate %g: write a fraction from %g to 1, such as 1/10", r.Rate, leastRate)
	}
	return nil
}

// leastRate is a thousandth of the speed.
const leastRate = 0.001

// validRate is false for what is no number, too.
func validRate(rate float64) bool { return rate >= leastRate && rate <= 1 }

// ParseRate reads a speed: "1/10" or "0.1".
func ParseRate(text string) (float64, error) {
	over, under, fraction := strings.Cut(text, "/")
	rate, err := strconv.ParseFloat(over, 64)
	if err == nil && fraction {
		var parts float64
		parts, err = strconv.ParseFloat(under, 64)
		if parts == 0 {
			err = errors.Join(err, errors.New("division by zero"))
		} else {
			rate /= parts
		}
	}
	if err != nil || !validRate(rate) {
		return 0, fmt.Errorf("rate %q: write a fraction of the speed, such as 1/10", text)
	}
	return rate, nil
}

// Matches reports whether the request is to wait by this rule.
func (r Rule) Matches(q Request) bool {
	if !holdable(q) || r.Namespace != "" && r.Namespace != q.Namespace {
		return false
	}
	if of, isKind := kinds[r.Name]; isKind {
		return of(q)
	}
	return slices.Contains(names(q), r.Name)
}

// names are what a request's author is called: the user with and without its prefix, and
// the program. Controllers have a service account each.
func names(q Request) []string {
	last := q.User[strings.LastIndex(q.User, ":")+1:]
	program, rest, _ := strings.Cut(q.Agent, "/")
	all := []string{q.User, last, program}
	// The controller manager's controllers have an account each, and name it at the end.
	if strings.HasPrefix(q.User, "system:serviceaccount:kube-system:") && strings.HasSuffix(rest, "/"+q.User) {
		all = append(all, "kube-controller-manager")
	}
	// A node's user is its kubelet's.
	if strings.HasPrefix(q.User, "system:node:") {
		all = append(all, "kubelet")
	}
	return all
}

// writing are the verbs that change something.
var writing = []string{"create", "update", "patch", "delete", "deletecollection"}

// apart are resources that nobody waits for: without leases components and nodes count
// as dead, without tokens and reviews nobody is let in, and events only tell.
var apart = map[string]bool{
	"coordination.k8s.io/leases": true,
	"/events":                    true, "events.k8s.io/events": true,
	"/serviceaccounts/token": true,
	"/nodes/status":          true,
	"certificates.k8s.io/certificatesigningrequests": true,
}

func holdable(q Request) bool {
	if !slices.Contains(writing, q.Verb) || q.Resource == "" || q.User == "system:apiserver" {
		return false
	}
	if q.Group == "authentication.k8s.io" || q.Group == "authorization.k8s.io" {
		return false
	}
	resource := q.Group + "/" + q.Resource
	return !apart[resource] && !apart[resource+"/"+q.Subresource]
}
