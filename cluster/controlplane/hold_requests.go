package controlplane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"kubarium/cluster/hold"
)

const (
	// holdLimit is how long a request waits unless its client says less: as long as the
	// API server gives a request. Its client then sends it again.
	holdLimit = 60 * time.Second
	// holdMargin is what is left of a client's own time to let it hear of it.
	holdMargin = time.Second
	// comeAgain is what clients are told to wait before they do, in seconds.
	comeAgain = 1
	// maxBody is what the API server takes of a request.
	maxBody = 3 << 20
)

// holdRequests has write requests wait before the API server's own handlers. There a
// request that waits takes no seat of API priority and fairness, and its time has not
// begun: what is held takes nothing from the others.
func holdRequests(config *genericapiserver.Config, manager *hold.Manager, life context.Context) {
	build := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(h http.Handler, c *genericapiserver.Config) http.Handler {
		next := build(h, c)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !manager.Active() {
				next.ServeHTTP(w, r)
				return
			}
			f := holdFilter{config: c, manager: manager, life: life}
			if f.wait(w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

type holdFilter struct {
	config  *genericapiserver.Config
	manager *hold.Manager
	// life ends with the API server.
	life context.Context
}

// wait returns true when the request may go on; else it was answered.
func (f holdFilter) wait(w http.ResponseWriter, r *http.Request) bool {
	q, ok := f.identify(r)
	if !ok || !f.manager.Holds(q) {
		return true
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	// The handlers are to find what is left of it, too large or broken as it may be.
	r.Body = partlyRead{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	if err != nil || len(body) > maxBody {
		return true
	}
	q.Does = hold.Describe(q, body)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.life, cancel)()
	if err := f.manager.Wait(ctx, q, holdTime(r)); err == nil {
		return true
	} else if !errors.Is(err, hold.ErrComeAgain) && f.life.Err() == nil {
		// The client is gone.
		return false
	}
	f.refuse(w, r)
	return false
}

// partlyRead is a body of which some was read already.
type partlyRead struct {
	io.Reader
	io.Closer
}

// identify says who asks for what. Whoever is not known is not held: the API server
// sends them away.
func (f holdFilter) identify(r *http.Request) (hold.Request, bool) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return hold.Request{}, false
	}
	info, err := f.config.RequestInfoResolver.NewRequestInfo(r)
	if err != nil || !info.IsResourceRequest || r.URL.Query().Has("dryRun") {
		return hold.Request{}, false
	}
	// Authentication takes the token out of the header: the handlers need it, too.
	who, known, err := f.config.Authentication.Authenticator.AuthenticateRequest(r.Clone(r.Context()))
	if err != nil || !known {
		return hold.Request{}, false
	}
	return hold.Request{
		User: who.User.GetName(), Agent: r.UserAgent(), Verb: info.Verb,
		Group: info.APIGroup, Resource: info.Resource, Subresource: info.Subresource,
		Namespace: info.Namespace, Name: info.Name, Path: r.URL.Path,
	}, true
}

// holdTime is how long a request may wait: less than its client does, if that tells.
func holdTime(r *http.Request) time.Duration {
	own, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || own <= 0 {
		return holdLimit
	}
	return min(max(own-holdMargin, own/2), holdLimit)
}

// refuse sends the client away to come again: upstream's clients do so by themselves.
func (f holdFilter) refuse(w http.ResponseWriter, r *http.Request) {
	status := apierrors.NewTooManyRequests("the request is held: see 'kubarium hold list'", comeAgain)
	version := schema.GroupVersion{}
	if info, err := f.config.RequestInfoResolver.NewRequestInfo(r); err == nil {
		version = schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}
		r = r.WithContext(request.WithRequestInfo(r.Context(), info))
	}
	w.Header().Set("Retry-After", "1")
	responsewriters.ErrorNegotiated(status, f.config.Serializer, version, w, r)
}
