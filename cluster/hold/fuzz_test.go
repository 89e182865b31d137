package hold

import (
	"strings"
	"testing"
)

// FuzzParseRate looks for speeds that are none: a request must not wait for ever.
func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"1/10", "0.1", "1", "", "/", "1/0", "NaN", "inf/inf", "-1", "1e-9", "0x1p-2", "1/1/1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := ParseRate(text)
		if err == nil && !(rate >= leastRate && rate <= 1) {
			t.Errorf("%q is read as %g", text, rate)
		}
		if rule := (Rule{Name: "create", Rate: rate}); err == nil && rule.check() != nil {
			t.Errorf("%q is read as %g, which is refused: %v", text, rate, rule.check())
		}
	})
}

// FuzzDescribe looks for bodies of requests that crash their reader, or are told in more
// than a line.
func FuzzDescribe(f *testing.F) {
	f.Add("create", "pods", "", []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"x"}]}}`))
	f.Add("create", "pods", "binding", []byte(`{"apiVersion":"v1","kind":"Binding","target":{"name":"node-1"}}`))
	f.Add("patch", "deployments", "", []byte(`{"spec":{"replicas":3}}`))
	f.Add("update", "deployments", "scale", []byte("k8s\x00\x0a\x04\x00"))
	f.Add("patch", "pods", "status", []byte(`[{"op":"replace"}`))
	f.Add("create", "widgets", "", []byte(`{"spec":{"replicas":"many"}}`))
	f.Fuzz(func(t *testing.T, verb, resource, subresource string, body []byte) {
		told := Describe(Request{Verb: verb, Resource: resource, Subresource: subresource}, body)
		if !strings.Contains(verb+resource+subresource+string(body), "\n") && strings.Contains(told, "\n") {
			t.Errorf("more than a line: %q", told)
		}
	})
}
