package agent

import (
	"context"

	"github.com/sirupsen/logrus"
	"gopkg.in/natefinch/lumberjack.v2"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"kubarium/cluster/node"
)

// logGlobally gives the loggers that upstream's packages share a file each. containerd
// has one of them to itself. What kubelet and kube-proxy log without a context goes to
// the kubelet's: kube-proxy hardly does.
func logGlobally() {
	logrus.SetOutput(logFile(node.RoleContainerd))
	klog.SetLogger(textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(logFile(node.RoleKubelet)))))
}

// withLog returns a context by which a role logs to its own file.
func withLog(ctx context.Context, role string) context.Context {
	if role != node.RoleKubeProxy && role != node.RoleNetworkPolicy {
		return ctx
	}
	return klog.NewContext(ctx, textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(logFile(role)))))
}

// logFile rotates, so that a node that runs for days does not fill its disk.
func logFile(role string) *lumberjack.Logger {
	return &lumberjack.Logger{Filename: node.LogDir + "/" + role + ".log", MaxSize: 20, MaxBackups: 2}
}
