// Package rights knows what the user may do, as the API server itself tells
// (SelfSubjectRulesReview), so that the app can say beforehand what will be refused.
package rights

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// fresh is how long an answer counts: rights change seldom.
	fresh = time.Minute
	// patience is how long a question may take.
	patience = 10 * time.Second
	// anywhere is the namespace to ask about for what has none: rules of all namespaces
	// are among each one's.
	anywhere = metav1.NamespaceDefault
)

// Msg brings an answer.
type Msg struct {
	namespace string
	status    authorizationv1.SubjectRulesReviewStatus
	err       error
}

// Rights is what is known, and which namespaces somebody wanted to know about.
type Rights struct {
	now    func() time.Time
	known  map[string]answer
	wanted map[string]bool
	asking map[string]bool
}

type answer struct {
	status authorizationv1.SubjectRulesReviewStatus
	at     time.Time
	// open says that rules do not tell all: then nothing is said.
	open bool
}

// New knows nothing yet.
func New(now func() time.Time) *Rights {
	return &Rights{now: now, known: map[string]answer{}, wanted: map[string]bool{}, asking: map[string]bool{}}
}

// Why says why a verb will be refused; "" if it will not, or if that is not known (yet).
// The resource may have a subresource: "pods/exec". A nil Rights knows nothing.
func (r *Rights) Why(namespace, verb, group, resource, name string) string {
	if r == nil {
		return ""
	}
	if namespace == "" {
		namespace = anywhere
	}
	a, ok := r.known[namespace]
	if !ok || r.now().Sub(a.at) > fresh {
		r.wanted[namespace] = true
	}
	if !ok || a.open || allows(a.status, verb, group, resource, name) {
		return ""
	}
	return fmt.Sprintf(noRight+"%s %s here", verb, resource)
}

// noRight begins all that Why says.
const noRight = "you have no right to "

// Refusal reports whether a reason why something cannot be done is that the user has no right
// to it: then it is shown, but as what cannot be had.
func Refusal(why string) bool { return strings.HasPrefix(why, noRight) }

func allows(status authorizationv1.SubjectRulesReviewStatus, verb, group, resource, name string) bool {
	has := func(list []string, word string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, word)
	}
	for _, rule := range status.ResourceRules {
		named := len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, name)
		if named && has(rule.Verbs, verb) && has(rule.APIGroups, group) && hasResource(rule.Resources, resource) {
			return true
		}
	}
	return false
}

// hasResource knows that "*/scale" means the subresource of all.
func hasResource(list []string, resource string) bool {
	if slices.Contains(list, "*") || slices.Contains(list, resource) {
		return true
	}
	for i := range resource {
		if resource[i] == '/' {
			return slices.Contains(list, "*"+resource[i:])
		}
	}
	return false
}

// Ask asks for what was wanted since it was called last; nil if nothing was.
func (r *Rights) Ask(ctx context.Context, client kubernetes.Interface) tea.Cmd {
	if client == nil {
		return nil
	}
	var cmds []tea.Cmd
	for namespace := range r.wanted {
		delete(r.wanted, namespace)
		if r.asking[namespace] {
			continue
		}
		r.asking[namespace] = true
		cmds = append(cmds, ask(ctx, client, namespace))
	}
	return tea.Batch(cmds...)
}

func ask(ctx context.Context, client kubernetes.Interface, namespace string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
		answer, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return Msg{namespace: namespace, err: err}
		}
		return Msg{namespace: namespace, status: answer.Status}
	}
}

// Update takes an answer.
func (r *Rights) Update(msg Msg) {
	delete(r.asking, msg.namespace)
	// Without an answer the API server will say itself what it refuses.
	r.known[msg.namespace] = answer{status: msg.status, at: r.now(), open: msg.err != nil || msg.status.Incomplete}
}
