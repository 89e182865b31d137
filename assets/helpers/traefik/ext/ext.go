// Package ext stands in for Traefik's module of this name, which is in no proxy: there,
// other editions of Traefik add settings. This one adds none.
package ext

// HTTP is what there is beside a configuration's HTTP settings.
type HTTP struct{}

// Router is what there is beside a router's settings.
type Router struct{}
