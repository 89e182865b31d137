//go:build tools

// Package shim pins containerd's shim, a small process beside each pod.
package shim

import _ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
