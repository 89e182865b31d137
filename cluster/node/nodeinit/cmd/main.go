// Command kubarium-node-init is the first process of a node.
package main

import (
	"fmt"
	"os"

	"kubarium/cluster/node/nodeinit"
)

func main() {
	if err := nodeinit.Main(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "kubarium-node-init:", err)
		os.Exit(1)
	}
}
