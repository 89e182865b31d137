package node

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node/nodeinit"
	"kubarium/cluster/pki"
)

func fullSpec(t *testing.T) Spec {
	dir := t.TempDir()
	return Spec{
		Name: "node-1", IP: netip.MustParseAddr("10.89.0.11"), Gateway: netip.MustParseAddr("10.89.0.2"),
		Dir: filepath.Join(dir, "disk"), RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log"),
		BinDir: binDir, Self: os.Args[0], APIServer: "https://10.89.0.1:6443", CA: []byte("ca"),
		Identities: Identities{
			Kubelet: pki.KeyPair{Cert: []byte("cert"), Key: []byte("kubelet-secret")},
			Serving: pki.KeyPair{Cert: []byte("cert"), Key: []byte("serving-secret")},
			Proxy:   pki.KeyPair{Cert: []byte("cert"), Key: []byte("proxy-secret")},
		},
		ClusterDNS: netip.MustParseAddr("10.96.0.10"), ClusterDomain: "cluster.local",
		ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"), PodCIDR: netip.MustParsePrefix("10.244.0.0/16"),
		Registry: "10.89.0.1:5000", MachineID: "0123456789abcdef0123456789abcdef", CgroupParent: testCgroup() + "/node-1",
	}
}

func TestPrepareTwiceIsAReboot(t *testing.T) {
	spec := fullSpec(t)
	if _, err := prepare(spec); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(spec.varDir(), "lib", "kubelet", "state")
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(spec); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, kept); got != "kept" {
		t.Errorf("the disk lost its state: %q", got)
	}
}

// Keys are readable by the machine's root alone, and never on the host's disk.
func TestKeysStayPrivate(t *testing.T) {
	spec := fullSpec(t)
	config, err := prepare(spec)
	if err != nil {
		t.Fatal(err)
	}
	private := 0
	for _, file := range config.Files {
		if strings.Contains(string(file.Content), "secret") {
			private++
			if file.Mode != 0o600 {
				t.Errorf("%s has mode %o", file.Path, file.Mode)
			}
		}
	}
	if private != 3 {
		t.Errorf("%d files hold keys, want those of two clients and of the kubelet's server", private)
	}
	for _, dir := range []string{spec.Dir, spec.RunDir, spec.LogDir} {
		err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				t.Errorf("%s was written to the host's disk", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestProcessesHaveEveryRole(t *testing.T) {
	count := map[string]int{}
	for _, p := range processes() {
		for _, role := range p.Roles {
			count[role]++
		}
	}
	for _, role := range []string{RoleContainerd, RoleKubelet, RoleKubeProxy, RoleNetworkPolicy} {
		if count[role] != 1 {
			t.Errorf("role %s is in %d processes, want one", role, count[role])
		}
	}
}

// Overlayfs can't lie on overlayfs: there, images are copied.
func TestSnapshotterSuitsTheDisk(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(dir, "merged")
	done := make(chan error, 1)
	var onDisk, onOverlay string
	go func() {
		// In a mount namespace of the thread, which ends with it.
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return err
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return err
			}
			options := "lowerdir=" + dir + "/lower,upperdir=" + dir + "/upper,workdir=" + dir + "/work"
			if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
				return err
			}
			onDisk, onOverlay = snapshotterFor(filepath.Join(dir, "lower")), snapshotterFor(merged)
			return nil
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if onOverlay != "native" {
		t.Errorf("on overlayfs the snapshotter is %s", onOverlay)
	}
	if want := snapshotterFor(t.TempDir()); onDisk != want {
		t.Errorf("below the overlay the snapshotter is %s, beside it %s", onDisk, want)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "lower")); err != nil || len(entries) > 0 {
		t.Errorf("trying left %v (%v)", entries, err)
	}
}

func TestUUIDOfMachineID(t *testing.T) {
	if got := uuidOf("0123456789abcdef0123456789abcdef"); got != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Errorf("UUID is %s", got)
	}
}

// A node that was killed starts again under the same cgroup.
func TestMachineStartsTwice(t *testing.T) {
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	if len(hierarchies) == 0 {
		t.Fatal("the machine has no cgroups")
	}
	for range 2 {
		spec := testSpec("again", t.TempDir())
		n, _ := startMachine(t, spec, map[string]string{"sleeper": "exec sleep 1000"})
		start(t, n, "sleeper")
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}
