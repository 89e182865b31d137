package controlplane

import (
	"context"
	"net/http"
	"strings"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// awaitRoles has requests wait until the authorizer knows the roles. An API server serves some
// time before it has read them, and refuses all that they allow: those who watch then come again
// later and later, after a few restarts in a row after up to a minute. It ends with ctx.
func awaitRoles(ctx context.Context, config *genericapiserver.Config, f informers.SharedInformerFactory) {
	rbac := f.Rbac().V1()
	roles := []cache.DoneChecker{
		rbac.ClusterRoleBindings().Informer().HasSyncedChecker(), rbac.ClusterRoles().Informer().HasSyncedChecker(),
		rbac.RoleBindings().Informer().HasSyncedChecker(), rbac.Roles().Informer().HasSyncedChecker(),
	}
	known, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		cache.WaitFor(ctx, "", roles...)
	}()
	build := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(h http.Handler, c *genericapiserver.Config) http.Handler {
		next := build(h, c)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if known.Err() == nil && needsRoles(r) {
				select {
				case <-known.Done():
				case <-r.Context().Done():
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// needsRoles reports whether roles decide about a request: not about the API server's own, by
// which it reads them, and not about those for its health.
func needsRoles(r *http.Request) bool {
	if r.TLS != nil && r.TLS.ServerName == genericapiserver.LoopbackClientServerNameOverride {
		return false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return first != "livez" && first != "readyz" && first != "healthz"
}
