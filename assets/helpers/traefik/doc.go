//go:build tools

// Package traefik pins Traefik, the controller of Ingresses and Gateways.
//
// Its module can't be built as it is: the web pages of its dashboard are not in it, nor
// is a small module of its own (ext). What is in patch is put over a copy of the
// sources; hack/assets.sh does that.
package traefik

import (
	_ "github.com/traefik/traefik/v3/cmd/traefik"
	_ "kubarium/assets/helpers/pages"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
