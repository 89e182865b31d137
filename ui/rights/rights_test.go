package rights

import (
	"errors"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	tea "charm.land/bubbletea/v2"
)

func rule(groups, resources, verbs, names string) authorizationv1.ResourceRule {
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	group := []string{groups}
	return authorizationv1.ResourceRule{APIGroups: group, Resources: list(resources), Verbs: list(verbs), ResourceNames: list(names)}
}

// answering is a client of a server that answers so, and counts how often.
func answering(status authorizationv1.SubjectRulesReviewStatus, err error, count *int) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectrulesreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		*count++
		return true, &authorizationv1.SelfSubjectRulesReview{Status: status}, err
	})
	return client
}

func settle(r *Rights, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			settle(r, c)
		}
	case Msg:
		r.Update(msg)
	}
}

func TestWhatIsRefusedIsSaidBeforehand(t *testing.T) {
	now, asked := time.Unix(0, 0), 0
	client := answering(authorizationv1.SubjectRulesReviewStatus{ResourceRules: []authorizationv1.ResourceRule{
		rule("", "pods", "get", ""), rule("apps", "*", "*", ""), rule("*", "*/scale", "update", ""), rule("", "secrets", "get", "mine"),
	}}, nil, &asked)
	r := New(func() time.Time { return now })
	if why := r.Why("shop", "delete", "", "pods", "web"); why != "" {
		t.Errorf("says %q and knows nothing", why)
	}
	settle(r, r.Ask(t.Context(), client))
	for _, c := range []struct {
		verb, group, resource, name string
		may                         bool
	}{
		{"get", "", "pods", "web", true},
		{"delete", "", "pods", "web", false},
		{"create", "", "pods/exec", "web", false},
		{"delete", "apps", "deployments", "web", true},
		{"update", "batch", "jobs/scale", "x", true},
		{"update", "batch", "jobs", "x", false},
		{"get", "", "secrets", "mine", true},
		{"get", "", "secrets", "theirs", false},
	} {
		if why := r.Why("shop", c.verb, c.group, c.resource, c.name); (why == "") != c.may {
			t.Errorf("%+v: %q", c, why)
		} else if Refusal(why) == c.may {
			t.Errorf("%q is a refusal: %t", why, !c.may)
		}
	}
	if settle(r, r.Ask(t.Context(), client)); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	now = now.Add(2 * fresh)
	r.Why("shop", "get", "", "pods", "web")
	if settle(r, r.Ask(t.Context(), client)); asked != 2 {
		t.Errorf("an old answer is not asked for anew: %d", asked)
	}
}

func TestWhatIsNotKnownIsLeftToTheServer(t *testing.T) {
	asked := 0
	for _, client := range []*fake.Clientset{
		answering(authorizationv1.SubjectRulesReviewStatus{Incomplete: true}, nil, &asked),
		answering(authorizationv1.SubjectRulesReviewStatus{}, errors.New("no"), &asked),
	} {
		r := New(time.Now)
		r.Why("", "get", "", "nodes", "")
		settle(r, r.Ask(t.Context(), client))
		if why := r.Why("", "get", "", "nodes", ""); why != "" {
			t.Errorf("says %q", why)
		}
	}
	var none *Rights
	if why := none.Why("", "get", "", "nodes", ""); why != "" || asked != 2 {
		t.Errorf("%q, asked %d times", why, asked)
	}
}
