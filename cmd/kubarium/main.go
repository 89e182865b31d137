// Command kubarium is a Kubernetes cluster in a terminal, to learn from.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"kubarium/cluster/node"
	"kubarium/cluster/node/agent"
)

// version is set by the linker.
var version = "dev"

func main() {
	addSbin()
	// Inside a node the same program is the node's agent.
	if filepath.Base(os.Args[0]) == node.AgentName {
		exit(agent.Main(os.Args[1:]))
	}
	// Upstream packages put flags of theirs on the process' own set, which cobra would
	// take for ours.
	pflag.CommandLine = pflag.NewFlagSet(os.Args[0], pflag.ContinueOnError)
	if filepath.Base(os.Args[0]) == "kubectl" {
		exit(runKubectl(nil, os.Args[1:]))
	}
	ctx, cancel := untilSignalled()
	defer cancel()
	exit(newRootCommand().ExecuteContext(ctx))
}

// untilSignalled ends with the first signal to stop. A terminal that is closed is one, and no
// reason to die. Who interrupts once more does not want to wait for an orderly end.
func untilSignalled() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, func() {
		// Of these several come at once, from a terminal and its shell, or a logout: nobody
		// reads them, but they do not end the program.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGHUP)
		stop()
	})
	return ctx, stop
}

// addSbin lets nft be found where it is installed: users, and root after a plain su,
// have no sbin in their PATH on Debian.
func addSbin() {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	// It fails only for names that are none.
	_ = os.Setenv("PATH", strings.Join(dirs, string(filepath.ListSeparator)))
}

func exit(err error) {
	if err == nil {
		os.Exit(0)
	}
	if coded, ok := err.(interface{ ExitCode() int }); ok {
		os.Exit(coded.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "Error:", err)
	os.Exit(1)
}
