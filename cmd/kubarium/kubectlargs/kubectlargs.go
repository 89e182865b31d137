// Package kubectlargs reads kubectl's arguments as far as is needed before kubectl does.
package kubectlargs

import (
	"fmt"
	"strings"
)

// Take takes flags off the front of kubectl's arguments, and writes their values to where
// the flags' names point to. --name=value and --name value are the same.
func Take(args []string, flags map[string]*string) (rest []string, err error) {
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		bare, dashed := strings.CutPrefix(name, "--")
		target := flags[bare]
		if !dashed || target == nil {
			return args, nil
		}
		if !joined {
			if len(args) < 2 {
				return nil, fmt.Errorf("flag needs an argument: %s", name)
			}
			value, args = args[1], args[1:]
		}
		*target, args = value, args[1:]
	}
	return args, nil
}

// NeedCluster reports whether kubectl can't do what it is asked without a cluster.
func NeedCluster(args []string) bool {
	if len(args) == 0 {
		return false
	}
	for _, arg := range args {
		if arg == "--" {
			// What follows is a command's, such as exec has.
			break
		}
		if arg == "-h" || arg == "--help" || strings.HasPrefix(arg, "--kubeconfig") || arg == "--client" {
			return false
		}
	}
	switch args[0] {
	case "help", "completion", "options", "plugin", "kustomize", "__complete", "config":
		return false
	}
	return true
}
