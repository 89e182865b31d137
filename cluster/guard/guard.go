// Package guard keeps a panic of upstream code within the component in which it happens.
package guard

import (
	"fmt"
	"runtime/debug"
)

// Run turns a panic of f, on the goroutine that calls it, into an error, so that one component
// cannot take the terminal down with it.
func Run(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
