// Command kubarium-node-init is the first process of a node.
package main

import (
	"fmt"
	"os"
	"runtime"

	"kubarium/cluster/node/nodeinit"
)

// init keeps main on the process' first thread. The program runs itself anew, and while
// another thread does that the process is at times not to be found in /proc, where its
// parent looks for the network namespace.
func init() { runtime.LockOSThread() }

func main() {
	if err := nodeinit.Main(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "kubarium-node-init:", err)
		os.Exit(1)
	}
}
