package agent

import (
	"context"

	"github.com/containerd/containerd/v2/cmd/containerd/command"

	"kubarium/cluster/node"

	// The plugins that a containerd daemon has.
	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
)

func runContainerd(ctx context.Context, _ node.AgentConfig) error {
	return command.App().Run(ctx, []string{"containerd", "--config", node.ContainerdConfigPath})
}
