//go:build tools

// Package runc pins the container runtime that nodes use. It is a module of its own,
// so that runc's dependencies don't move those of the program.
package runc

import _ "github.com/opencontainers/runc"
