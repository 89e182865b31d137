package agent

import (
	"context"

	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/sirupsen/logrus"

	"kubarium/cluster/node"

	// The plugins that a containerd daemon has.
	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
)

func runContainerd(ctx context.Context, _ node.AgentConfig) error {
	logrus.SetOutput(logFile(node.RoleContainerd))
	return command.App().Run(ctx, []string{"containerd", "--config", node.ContainerdConfigPath})
}
