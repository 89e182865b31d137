package agent

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	hosts "github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	"github.com/containernetworking/cni/libcni"
	"github.com/fsnotify/fsnotify"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/validation"

	"kubarium/cluster/node"
)

func testConfig() node.AgentConfig {
	return node.AgentConfig{
		Name: "node-1", IP: netip.MustParseAddr("10.89.0.11"), APIServer: "https://10.89.0.1:6443",
		ClusterDNS: netip.MustParseAddr("10.96.0.10"), ClusterDomain: "cluster.local",
		PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"),
		Reserved: node.Resources{MilliCPU: 500, MemoryBytes: 1 << 30}, Zone: "zone-a",
		Timers: node.Timers{StatusUpdate: 2 * time.Second, Lease: 8 * time.Second, Backoff: 5 * time.Second},
	}
}

func TestKubeletAcceptsItsConfiguration(t *testing.T) {
	server, err := kubeletServer(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := options.ValidateKubeletServer(server); err != nil {
		t.Error(err)
	}
	if err := validation.ValidateKubeletConfiguration(&server.KubeletConfiguration, utilfeature.DefaultFeatureGate); err != nil {
		t.Error(err)
	}
	if server.NodeStatusUpdateFrequency.Duration != 2*time.Second || server.NodeLeaseDurationSeconds != 8 || server.CrashLoopBackOff.MaxContainerRestartPeriod.Duration != 5*time.Second {
		t.Errorf("timers are %s and %d s, want those of the node", server.NodeStatusUpdateFrequency.Duration, server.NodeLeaseDurationSeconds)
	}
	if got := server.NodeLabels["topology.kubernetes.io/zone"]; got != "zone-a" {
		t.Errorf("zone is %q", got)
	}
	if server.Authentication.Anonymous.Enabled || server.Authorization.Mode != "Webhook" {
		t.Error("the kubelet answers anybody")
	}
}

func TestKubeProxyAcceptsItsFlags(t *testing.T) {
	if _, err := kubeProxyOptions(testConfig()); err != nil {
		t.Error(err)
	}
}

// containerd warns of what it does not know in its configuration, and goes on: a field
// that was renamed upstream would be lost in silence.
func TestContainerdKnowsItsConfiguration(t *testing.T) {
	var warnings bytes.Buffer
	logrus.SetOutput(&warnings)
	defer logrus.SetOutput(os.Stderr)
	for _, snapshotter := range []string{"overlayfs", "native"} {
		text, err := node.ContainerdConfig(snapshotter, true)
		if err != nil {
			t.Fatal(err)
		}
		parsed := loadContainerdConfig(t, text)
		known := map[string]plugin.Registration{}
		for _, r := range registry.Graph(func(*plugin.Registration) bool { return false }) {
			known[r.URI()] = r
		}
		for uri := range parsed.Plugins {
			r, ok := known[uri]
			if !ok {
				t.Errorf("there is no plugin %s", uri)
				continue
			}
			if _, err := parsed.Decode(t.Context(), uri, r.Config); err != nil {
				t.Errorf("configuration of %s: %v", uri, err)
			}
		}
		for _, uri := range parsed.DisabledPlugins {
			// Some are left out of the program altogether, by build tags.
			if _, ok := known[uri]; !ok && !slices.ContainsFunc([]string{"btrfs", "devmapper", "zfs"}, func(name string) bool { return strings.HasSuffix(uri, name) }) {
				t.Errorf("there is no plugin %s to disable", uri)
			}
		}
		images := known["io.containerd.cri.v1.images"].Config
		if got := reflect.ValueOf(images).Elem().FieldByName("Snapshotter").String(); got != snapshotter {
			t.Errorf("snapshotter is %q, want %q", got, snapshotter)
		}
	}
	if warnings.Len() > 0 {
		t.Errorf("containerd says:\n%s", warnings.String())
	}
}

func loadContainerdConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var parsed config.Config
	plugins := func() iter.Seq[plugin.Registration] {
		return slices.Values(registry.Graph(func(*plugin.Registration) bool { return false }))
	}
	if err := config.LoadConfigWithPlugins(t.Context(), path, plugins, &parsed); err != nil {
		t.Fatal(err)
	}
	return &parsed
}

func TestPullsAskTheClustersRegistryFirst(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "_default"), 0o755); err != nil {
		t.Fatal(err)
	}
	content := node.RegistryHosts("10.89.0.1:5000")
	if err := os.WriteFile(filepath.Join(dir, "_default", "hosts.toml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for registry, upstream := range map[string]string{"docker.io": "registry-1.docker.io", "registry.k8s.io": "registry.k8s.io"} {
		all, err := hosts.ConfigureHosts(context.Background(), hosts.HostOptions{HostDir: hosts.HostDirFromRoot(dir)})(registry)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 2 {
			t.Fatalf("%d hosts are asked for images of %s, want 2", len(all), registry)
		}
		first, last := all[0], all[1]
		if first.Scheme != "http" || first.Host != "10.89.0.1:5000" || !first.Capabilities.Has(docker.HostCapabilityPull|docker.HostCapabilityResolve) {
			t.Errorf("the first asked for images of %s is %+v", registry, first)
		}
		if last.Scheme != "https" || last.Host != upstream {
			t.Errorf("the last asked for images of %s is %s://%s", registry, last.Scheme, last.Host)
		}
	}
}

func TestCNIConfiguration(t *testing.T) {
	list, err := libcni.ConfListFromBytes([]byte(cniConfig(netip.MustParsePrefix("10.244.3.0/24"))))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, p := range list.Plugins {
		types = append(types, p.Network.Type)
	}
	if got := strings.Join(types, " "); got != "ptp tuning portmap" {
		t.Errorf("plugins are %s", got)
	}
	if !strings.Contains(string(list.Plugins[0].Bytes), "10.244.3.0/24") {
		t.Errorf("the pods' range is not in %s", list.Plugins[0].Bytes)
	}
}

// nft itself judges the rules, in a network namespace of the test's own.
func TestNftTakesTheRules(t *testing.T) {
	done := make(chan error, 1)
	go func() {
		// The thread ends with the goroutine, and the namespace with the thread.
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			config := testConfig()
			for range 2 {
				if err := setRules(t.Context(), config.PodCIDR, config.ServiceCIDR); err != nil {
					return err
				}
			}
			out, err := exec.CommandContext(t.Context(), "nft", "list", "table", "ip", "kubarium").CombinedOutput()
			if err != nil {
				return fmt.Errorf("list rules: %w\n%s", err, out)
			}
			if strings.Count(string(out), "masquerade") != 1 || strings.Count(string(out), "reject") != 1 {
				return fmt.Errorf("rules set twice are:\n%s", out)
			}
			return nil
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// containerd watches the directory, and looks again at a rename within it.
func TestWriteWholeIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "10.conflist")
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"first", "second"} {
		if err := writeWhole(path, content); err != nil {
			t.Fatal(err)
		}
		for event := range watcher.Events {
			if event.Has(fsnotify.Rename) {
				break
			}
		}
		data, err := os.ReadFile(path)
		if err != nil || string(data) != content {
			t.Errorf("the file has %q (%v), want %q", data, err, content)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v (%v), want one file", entries, err)
	}
}
