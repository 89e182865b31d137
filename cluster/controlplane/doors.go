package controlplane

import (
	"net/http"
	"sync/atomic"

	"github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/mux"
)

// door leads to an API server's handlers until it is closed. Go's HTTP/2 server starts a
// connection's idle timer anew when it ends the streams of one that broke, and stops it never:
// for a minute and a half the timer keeps the connection, that the server, and that all of an
// API server that has ended.
type door struct{ to atomic.Pointer[http.Handler] }

// putDoor has all requests come through a door.
func putDoor(config *genericapiserver.Config) *door {
	d := &door{}
	build := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(h http.Handler, c *genericapiserver.Config) http.Handler {
		next := build(h, c)
		d.to.Store(&next)
		return d
	}
	return d
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if to := d.to.Load(); to != nil {
		(*to).ServeHTTP(w, r)
		return
	}
	http.Error(w, "the API server has ended", http.StatusServiceUnavailable)
}

// close lets go of the handlers of a server that has ended and has no connection any more.
// Beside the door, which requests come through, the server's handler has three ways to them:
// they are for who adds to it while it is built.
func (d *door) close(handler *genericapiserver.APIServerHandler) {
	d.to.Store(nil)
	handler.GoRestfulContainer = restful.NewContainer()
	handler.NonGoRestfulMux = mux.NewPathRecorderMux(APIServerName)
	handler.Director = d
}
