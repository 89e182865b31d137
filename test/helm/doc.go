//go:build tools

// Package helm pins the helm with which the tests install a chart. It is a module of
// its own, so that what helm needs does not touch the program.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
