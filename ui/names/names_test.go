package names_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"kubarium/ui/names"
	"kubarium/ui/resource"
)

func kind(group, version, name string, namespaced bool) resource.Kind {
	return resource.Kind{GroupVersionResource: schema.GroupVersionResource{Group: group, Version: version, Resource: name}, Namespaced: namespaced}
}

func all(s *names.Search) map[string]names.Found {
	got := map[string]names.Found{}
	for found, more := s.Next(); more; found, more = s.Next() {
		for _, f := range found {
			got[f.Kind.Title()] = f
		}
	}
	return got
}

// TestSearchAsksForNamesOnly looks through kinds of a server, of which it refuses one.
func TestSearchAsksForNamesOnly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			t.Errorf("asks for %s", r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/json")
		next := ""
		switch r.URL.Path {
		case "/api/v1/namespaces/shop/secrets":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"no secrets for you","code":403}`)
			return
		case "/apis/cats.example/v1/cats":
		case "/api/v1/namespaces/shop/configmaps":
			next = "there is more"
		default:
			t.Errorf("asks %s", r.URL.Path)
		}
		fmt.Fprintf(w, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"continue":%q},"items":[{"metadata":{"name":"tom","namespace":"shop"}}]}`, next)
	}))
	defer server.Close()
	kinds := []resource.Kind{kind("", "v1", "configmaps", true), kind("", "v1", "secrets", true), kind("cats.example", "v1", "cats", false)}
	got := all(names.Begin(t.Context(), names.FromServer(&rest.Config{Host: server.URL}), kinds, "shop"))
	want := []names.Name{{Namespace: "shop", Name: "tom"}}
	if f := got["configmaps"]; !f.More || !slices.Equal(f.Names, want) {
		t.Errorf("configmaps: %+v", f)
	}
	if f := got["cats.cats.example"]; f.More || f.Err != nil || !slices.Equal(f.Names, want) {
		t.Errorf("cats: %+v", f)
	}
	if f := got["secrets"]; f.Err == nil || !strings.Contains(f.Err.Error(), "no secrets for you") {
		t.Errorf("secrets: %+v", f)
	}
}

// TestSearchEndsWhenItIsClosed: what is asked for just then is not waited for.
func TestSearchEndsWhenItIsClosed(t *testing.T) {
	defer goleak.VerifyNone(t)
	kinds := make([]resource.Kind, 20)
	for i := range kinds {
		kinds[i] = kind("", "v1", fmt.Sprint("kind-", i), true)
	}
	s := names.Begin(t.Context(), func(ctx context.Context, _ resource.Kind, _ string) ([]names.Name, bool, error) {
		<-ctx.Done()
		return nil, false, ctx.Err()
	}, kinds, "")
	s.Close()
	for name, f := range all(s) {
		if !errors.Is(f.Err, context.Canceled) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
