package ui

import (
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/ui/resource"
	"kubarium/ui/watch"
)

// documents is an API server that documents the kinds of some groups.
type documents struct {
	groups []string
	down   bool
	asked  int
}

func (s *documents) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked++
	answer := func(code int, text string) (*http.Response, error) {
		header := http.Header{"Content-Type": []string{"application/json"}}
		return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
	}
	group, one := strings.CutPrefix(r.URL.Path, "/openapi/v3/apis/")
	switch {
	case s.down:
		return answer(http.StatusInternalServerError, "{}")
	case !one:
		var paths []string
		for _, g := range s.groups {
			paths = append(paths, `"apis/`+g+`/v1": {"serverRelativeURL": "/openapi/v3/apis/`+g+`/v1?hash=1"}`)
		}
		return answer(http.StatusOK, `{"paths": {`+strings.Join(paths, ",")+`}}`)
	}
	group, _, _ = strings.Cut(group, "/")
	kind := `{"group": "` + group + `", "version": "v1", "kind": "Widget"}`
	return answer(http.StatusOK, `{"openapi": "3.0.0",
		"paths": {"/apis/`+group+`/v1/widgets": {"get": {"x-kubernetes-action": "list", "x-kubernetes-group-version-kind": `+kind+`}}},
		"components": {"schemas": {"Widget": {"description": "A widget of `+group+`.", "type": "object", "x-kubernetes-group-version-kind": [`+kind+`]}}}}`)
}

// widgets is a catalog of the widgets of some groups.
func widgets(groups ...string) *resource.Catalog {
	var lists []*metav1.APIResourceList
	for _, g := range groups {
		lists = append(lists, &metav1.APIResourceList{GroupVersion: g + "/v1", APIResources: []metav1.APIResource{{Name: "widgets", Kind: "Widget", Verbs: metav1.Verbs{"list"}}}})
	}
	return resource.NewCatalog(lists)
}

// TestExplainAsksAgain: a failure is none for ever, and groups may come later; all else is kept.
func TestExplainAsksAgain(t *testing.T) {
	server := &documents{groups: []string{"one.test"}, down: true}
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://server.test", Transport: server, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{client: client}
	b.kinds.Store(widgets("one.test"))
	explain := func(group string) (string, error) {
		return b.Explain(t.Context(), watch.Ref{Kind: "Widget." + group, Name: "w"}, nil)
	}
	if _, err := explain("one.test"); err == nil {
		t.Error("a server that is down explains something")
	}
	server.down = false
	if text, err := explain("one.test"); err != nil || !strings.Contains(text, "A widget of one.test.") {
		t.Errorf("it explains %q, %v", text, err)
	}
	asked := server.asked
	b.kinds.Store(widgets("one.test"))
	if _, err := explain("one.test"); err != nil || server.asked != asked {
		t.Errorf("asked %d times for what is known: %v", server.asked-asked, err)
	}
	server.groups = append(server.groups, "two.test")
	b.kinds.Store(widgets("one.test", "two.test"))
	if text, err := explain("two.test"); err != nil || !strings.Contains(text, "A widget of two.test.") {
		t.Errorf("of a group that came later it explains %q, %v", text, err)
	}
}

// TestExplanationIsAskedAgain: what could not be explained is asked again when one comes back to it.
func TestExplanationIsAskedAgain(t *testing.T) {
	d := editing(t, 120, 40)
	d.fake.unexplained = io.ErrUnexpectedEOF
	d.press("f1")
	d.sees("unexpected EOF")
	d.fake.unexplained = nil
	d.press("down")
	d.sees("FIELD: kind")
	d.press("up")
	d.sees("FIELD: apiVersion")
	d.seesNot("unexpected EOF")
}
