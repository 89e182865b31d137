package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubelet/config/v1beta1"
	"k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/kubeletconfig/configfiles"
	"k8s.io/kubernetes/pkg/kubelet/kubeletconfig/util/codec"
	"k8s.io/kubernetes/pkg/util/filesystem"

	"kubarium/cluster/node"
	"kubarium/cluster/node/tap"
)

// dialInterval is how often the kubelet looks whether containerd is there.
const dialInterval = 10 * time.Millisecond

func runKubelet(ctx context.Context, config node.AgentConfig, seen *tap.Tap) error {
	server, err := kubeletServer(config)
	if err != nil {
		return err
	}
	if server.KubeletConfiguration, err = throughFile(ctx, server.KubeletConfiguration); err != nil {
		return err
	}
	// A kubelet that does not find its runtime looks again only after five seconds.
	if err := waitForRuntime(ctx, node.ContainerdSocket); err != nil {
		return err
	}
	if err := waitForAPIServer(ctx, node.KubeletKubeconfig); err != nil {
		return err
	}
	go configurePodNetwork(ctx, config)
	dependencies, err := app.UnsecuredDependencies(ctx, server, utilfeature.DefaultFeatureGate)
	if err != nil {
		return fmt.Errorf("build dependencies: %w", err)
	}
	if err := watchPods(ctx, server, dependencies); err != nil {
		return err
	}
	tapKubelet(dependencies, seen)
	return app.Run(ctx, server, dependencies, utilfeature.DefaultFeatureGate)
}

func kubeletServer(config node.AgentConfig) (*options.KubeletServer, error) {
	server, err := options.NewKubeletServer()
	if err != nil {
		return nil, fmt.Errorf("make default configuration: %w", err)
	}
	server.KubeConfig = node.KubeletKubeconfig
	server.HostnameOverride = config.Name
	server.NodeIP = config.IP.String()
	server.RootDirectory = "/var/lib/kubelet"
	if config.Zone != "" {
		server.NodeLabels = map[string]string{"topology.kubernetes.io/zone": config.Zone}
	}
	configure(&server.KubeletConfiguration, config)
	return server, nil
}

// throughFile writes the configuration where a kubelet has it, unless it is there, and
// returns what is there: it can be looked at, and be changed until the next boot.
func throughFile(ctx context.Context, k kubeletconfig.KubeletConfiguration) (kubeletconfig.KubeletConfiguration, error) {
	if _, err := os.Stat(node.KubeletConfigPath); errors.Is(err, fs.ErrNotExist) {
		data, err := codec.EncodeKubeletConfig(&k, v1beta1.SchemeGroupVersion)
		if err != nil {
			return k, fmt.Errorf("encode kubelet configuration: %w", err)
		}
		if err := writeWhole(node.KubeletConfigPath, string(data)); err != nil {
			return k, err
		}
	}
	loader, err := configfiles.NewFsLoader(&filesystem.DefaultFs{}, node.KubeletConfigPath)
	if err != nil {
		return k, fmt.Errorf("load kubelet configuration: %w", err)
	}
	loaded, err := loader.Load(ctx)
	if err != nil {
		// The kubelet would have said so in its log.
		klog.FromContext(ctx).Error(err, "Failed to load kubelet configuration", "path", node.KubeletConfigPath)
		return k, fmt.Errorf("load kubelet configuration: %w", err)
	}
	return *loaded, nil
}

// configure sets what differs from the kubelet's defaults.
func configure(k *kubeletconfig.KubeletConfiguration, config node.AgentConfig) {
	k.StaticPodPath = node.StaticPodDir
	k.ContainerRuntimeEndpoint = "unix://" + node.ContainerdSocket
	k.ClusterDNS = []string{config.ClusterDNS.String()}
	k.ClusterDomain = config.ClusterDomain
	k.ResolverConfig = "/etc/resolv.conf"

	k.Authentication.X509.ClientCAFile = node.CAPath
	k.Authentication.Anonymous.Enabled = false
	k.Authentication.Webhook.Enabled = true
	k.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeWebhook
	k.TLSCertFile, k.TLSPrivateKeyFile = node.ServingCertPath, node.ServingCertPath
	k.ReadOnlyPort = 0

	// cgroup v1 is deprecated upstream, and still what many machines have.
	k.FailCgroupV1 = false
	k.FailSwapOn = false
	k.CgroupDriver = "cgroupfs"
	k.EnforceNodeAllocatable = []string{"pods"}
	k.SystemReserved = map[string]string{
		"cpu":    strconv.FormatInt(config.Reserved.MilliCPU, 10) + "m",
		"memory": strconv.FormatInt(config.Reserved.MemoryBytes>>20, 10) + "Mi",
	}
	// The nodes share the machine's disk: pods are evicted when little is left of it,
	// not when it is nine tenths full, and bundled images are never collected.
	k.EvictionHard = map[string]string{
		"memory.available": "50Mi", "nodefs.available": "500Mi", "imagefs.available": "500Mi", "nodefs.inodesFree": "1%",
	}
	k.ImageGCHighThresholdPercent, k.ImageGCLowThresholdPercent = 100, 99
	// Service traffic is nftables' business.
	k.MakeIPTablesUtilChains = false
	k.SerializeImagePulls = false
	k.RegistryPullQPS = 0
	k.EventRecordQPS = 0
	k.EnableSystemLogHandler = true
	k.ShutdownGracePeriod = metav1.Duration{}
	// Where the kubelet's fast path to Ready fails, as when the Node object says Ready
	// from before a reboot, this decides. What did not change is not reported sooner.
	k.NodeStatusUpdateFrequency = metav1.Duration{Duration: cmp.Or(config.Timers.StatusUpdate, 2*time.Second)}
	if config.Timers.Lease != 0 {
		k.NodeLeaseDurationSeconds = int32(config.Timers.Lease.Seconds())
	}
	if config.Timers.Backoff != 0 {
		k.CrashLoopBackOff.MaxContainerRestartPeriod = &metav1.Duration{Duration: config.Timers.Backoff}
	}
	// A learner changes a ConfigMap and waits to see it.
	k.SyncFrequency = metav1.Duration{Duration: 20 * time.Second}
	// Per-volume disk usage is walked through; that is work while nothing happens.
	k.VolumeStatsAggPeriod = metav1.Duration{Duration: 5 * time.Minute}
}

// waitForRuntime waits until containerd serves pods. It listens before it has found its
// containers again, and the kubelet ends when it hears that: with it this process and
// containerd, which would never get any further.
func waitForRuntime(ctx context.Context, path string) error {
	connection, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: dialInterval, MaxDelay: dialInterval}}))
	if err != nil {
		return fmt.Errorf("wait for containerd: %w", err)
	}
	defer connection.Close()
	runtime := runtimeapi.NewRuntimeServiceClient(connection)
	ticker := time.NewTicker(dialInterval)
	defer ticker.Stop()
	for {
		_, err := runtime.Version(ctx, &runtimeapi.VersionRequest{})
		if ctx.Err() != nil {
			return fmt.Errorf("wait for containerd: %w", err)
		}
		// A deadline may be over for the connection a moment before it is for the context.
		if code := status.Code(err); code != codes.Unavailable && code != codes.DeadlineExceeded {
			// Whatever else is wrong the kubelet says better.
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}
