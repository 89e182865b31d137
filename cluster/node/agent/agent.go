// Package agent is what runs inside a node: containerd, kubelet, kube-proxy and what
// enforces NetworkPolicies, each a role. One process has all of them, or some. The program calls Main when it finds
// itself started under the agent's name.
package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/transport"

	"kubarium/cluster/memory"
	"kubarium/cluster/node"
	"kubarium/cluster/node/tap"
)

// settleTime is how long after its start an agent has come to rest.
const settleTime = 10 * time.Second

// A role runs until it fails, or its context ends.
type role func(context.Context, node.AgentConfig) error

// Main runs the roles that are named on its standard input, a line each, until one of
// them ends or the process is told to.
func Main([]string) error {
	config, err := readConfig()
	if err != nil {
		return err
	}
	if config.CertificateReload > 0 {
		transport.CertCallbackRefreshDuration = config.CertificateReload
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	a := &agent{
		config: config,
		roles: map[string]role{
			node.RoleContainerd:    runContainerd,
			node.RoleKubeProxy:     runKubeProxy,
			node.RoleNetworkPolicy: runNetworkPolicy,
		},
		ended: make(chan error),
	}
	a.tap = newTap(ctx, config)
	a.kubeletLog = logGlobally(a.tap)
	a.roles[node.RoleKubelet] = func(ctx context.Context, config node.AgentConfig) error { return runKubelet(ctx, config, a.tap) }
	go a.obey(ctx, os.Stdin)
	defer memory.SettleAfter(settleTime).Stop()
	select {
	case err := <-a.ended:
		return err
	case <-ctx.Done():
		// Nothing of the kubelet can be stopped but by its process' end.
		return nil
	}
}

// agent runs roles.
type agent struct {
	config node.AgentConfig
	roles  map[string]role
	ended  chan error
	// tap sees what the kubelet does; nil is none.
	tap        *tap.Tap
	kubeletLog logr.Logger
}

// obey starts the role of each line.
func (a *agent) obey(ctx context.Context, orders io.Reader) {
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		name := lines.Text()
		run, known := a.roles[name]
		if !known {
			a.ended <- fmt.Errorf("there is no role %q", name)
			return
		}
		go func() {
			err := run(withLog(ctx, name, a.kubeletLog), a.config)
			if err == nil {
				err = errors.New("it ended by itself")
			}
			a.ended <- fmt.Errorf("%s: %w", name, err)
		}()
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
