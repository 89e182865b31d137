package agent

import (
	"context"
	"flag"

	"github.com/go-logr/logr"
	"github.com/sirupsen/logrus"
	"gopkg.in/natefinch/lumberjack.v2"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"kubarium/cluster/node"
	"kubarium/cluster/node/tap"
)

// globalVerbosity makes the kubelet's volume manager say what it mounted.
const globalVerbosity = "1"

// logGlobally gives the loggers that upstream's packages share a file each. containerd
// has one of them to itself. What kubelet and kube-proxy log without a context goes to
// the kubelet's, which is returned: kube-proxy hardly does.
func logGlobally(t *tap.Tap) logr.Logger {
	logrus.SetOutput(logFile(node.RoleContainerd))
	logger := newLogger(node.RoleKubelet)
	if t != nil {
		flags := flag.NewFlagSet("klog", flag.ContinueOnError)
		klog.InitFlags(flags)
		// It is a number: it can't fail.
		_ = flags.Set("v", globalVerbosity)
		logger = logr.New(t.Sink(logger.GetSink(), lifecycleEvent))
	}
	klog.SetLogger(logger)
	return logger
}

// withLog returns a context by which a role logs to its own file. The kubelet's has the
// logger itself: through the global one, the tap would not hear what is said in a low voice.
func withLog(ctx context.Context, role string, kubelet logr.Logger) context.Context {
	switch role {
	case node.RoleKubeProxy, node.RoleNetworkPolicy:
		return klog.NewContext(ctx, newLogger(role))
	case node.RoleKubelet:
		return klog.NewContext(ctx, kubelet)
	}
	return ctx
}

func newLogger(role string) logr.Logger {
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(logFile(role))))
}

// logFile rotates, so that a node that runs for days does not fill its disk.
func logFile(role string) *lumberjack.Logger {
	return &lumberjack.Logger{Filename: node.LogDir + "/" + role + ".log", MaxSize: 20, MaxBackups: 2}
}
