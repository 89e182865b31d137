// Package agent is what runs inside a node: containerd, kubelet and kube-proxy, each
// a role. One process can have several. The program calls Main when it finds itself
// started under the agent's name.
package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"gopkg.in/natefinch/lumberjack.v2"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"kubarium/cluster/memory"
	"kubarium/cluster/node"
)

// settleTime is how long after its start an agent has come to rest.
const settleTime = 10 * time.Second

// Main runs the roles that args name, until one of them ends or the process is told to.
func Main(args []string) error {
	config, err := readConfig()
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	// Upstream code that logs without a context belongs to the first role.
	klog.SetLogger(logger(args[0]))
	for _, role := range args {
		run, known := map[string]func(context.Context, node.AgentConfig) error{
			node.RoleContainerd: runContainerd,
			node.RoleKubelet:    runKubelet,
			node.RoleKubeProxy:  runKubeProxy,
		}[role]
		if !known {
			return fmt.Errorf("there is no role %q", role)
		}
		group.Go(func() error {
			if err := run(klog.NewContext(ctx, logger(role)), config); err != nil {
				return fmt.Errorf("%s: %w", role, err)
			}
			return nil
		})
	}
	memory.SettleAfter(settleTime)
	finished := make(chan error, 1)
	go func() { finished <- group.Wait() }()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
		// Nothing of the kubelet can be stopped but by its process' end.
		return nil
	}
}

func readConfig() (node.AgentConfig, error) {
	var config node.AgentConfig
	data, err := os.ReadFile(node.AgentConfigPath)
	if err != nil {
		return config, fmt.Errorf("read agent configuration: %w", err)
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return config, fmt.Errorf("parse agent configuration: %w", err)
	}
	return config, nil
}

// logFile rotates, so that a node that runs for days does not fill its disk.
func logFile(role string) *lumberjack.Logger {
	return &lumberjack.Logger{Filename: node.LogDir + "/" + role + ".log", MaxSize: 20, MaxBackups: 2}
}

func logger(role string) klog.Logger {
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(logFile(role))))
}
