package cluster

import (
	"strings"
	"testing"
)

func TestParseDestination(t *testing.T) {
	for to, want := range map[string]named{
		"svc/web":              {service: true, namespace: "shop", name: "web"},
		"service/web.other:80": {service: true, namespace: "other", name: "web", port: 80},
		"pod/web.1:8080":       {namespace: "shop", name: "web.1", port: 8080},
		"po/web":               {namespace: "shop", name: "web"},
		"pod/other/web:8080":   {namespace: "other", name: "web", port: 8080},
		"svc/other/web":        {service: true, namespace: "other", name: "web"},
	} {
		if got, err := parseDestination("shop", to); err != nil || got != want {
			t.Errorf("%s is %+v, %v", to, got, err)
		}
	}
	for _, wrong := range []string{"", "web", "svc/", "svc/web:", "svc/web:0", "svc/web:65536", "pod//web", "node/node-1", "pod/a/b/c", "pod/a/"} {
		if got, err := parseDestination("shop", wrong); err == nil {
			t.Errorf("%q is %+v", wrong, got)
		}
	}
}

// FuzzParseDestination looks for destinations that are none.
func FuzzParseDestination(f *testing.F) {
	for _, seed := range []string{"svc/web", "service/web.other:80", "pod/web:8080", "svc/:", "pod/a/b:-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got, err := parseDestination("shop", to)
		if err == nil && (got.name == "" || strings.ContainsAny(got.name, "/:") || got.port < 0 || got.port > 65535) {
			t.Errorf("%q is %+v", to, got)
		}
	})
}
