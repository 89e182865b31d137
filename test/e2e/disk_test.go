package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
)

// diskName is the directory in which a test mounts a disk of its own.
const diskName = "tinyfs"

// TestDisksAreFull fills the disk of a node, and then that of the whole program. It has a
// file system of its own: all others go on writing.
func TestDisksAreFull(t *testing.T) {
	t.Parallel()
	disk := mountSmallDisk(t)
	c := (&testCluster{dir: disk}).sibling(t, "full")
	t.Run("node", func(t *testing.T) { c.fillNode(t) })
	t.Run("program", func(t *testing.T) { c.fillProgram(t, disk) })
}

// mountSmallDisk mounts a disk that is large enough for a cluster, and small enough to fill.
func mountSmallDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	image, mounted := filepath.Join(dir, "image"), filepath.Join(dir, diskName)
	for _, line := range []string{
		"truncate --size=4G " + image, "mkfs.ext4 -q -m 0 " + image,
		"mkdir " + mounted, "mount -o loop " + image + " " + mounted, "mkdir " + filepath.Join(mounted, "tmp"),
	} {
		words := strings.Fields(line)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mounted, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return mounted
}

// fillNode fills the disk of a node that has one of its own. What is free is asked of the
// kernel in the node, and who can't write any more is a container.
func (c *testCluster) fillNode(t *testing.T) {
	node := strings.TrimPrefix(strings.Fields(c.kubarium(t, "node", "add", "--disk", "1Gi"))[0], "node/")
	c.eventuallyOK(t, "kubectl", "wait", "--for=condition=Ready", "node/"+node, "--timeout=10s")
	c.runOn(t, "default", "writer", node, "kubarium/web:1.0")
	write := func(file string) (string, error) {
		return c.exec(bounded(t), "default", "writer", "sh", "-c", "dd if=/dev/zero of=/tmp/"+file+" bs=1M count=20 2>&1")
	}
	if out, err := write("before"); err != nil {
		t.Fatalf("writing to a disk with room: %v: %s", err, out)
	}
	had := c.freeOn(t, node)
	if had < 300<<20 || had > 1<<30 {
		t.Errorf("of a disk of 1 GiB %d MiB are free", had>>20)
	}
	config := c.kubeletConfig(t, node)
	if _, err := c.control().InjectFault(bounded(t), fault.Order{Name: "disk-pressure", Target: node}); err != nil {
		t.Fatal(err)
	}
	// What others give back, as the kubelet does that makes room, is taken a moment later.
	eventually(t, "a full disk", func(context.Context) error {
		if free := c.freeOn(t, node); free > 1<<20 {
			return fmt.Errorf("%d KiB are free", free>>10)
		}
		return nil
	})
	if out, err := write("full"); err == nil || !strings.Contains(out+err.Error(), "No space left on device") {
		t.Errorf("writing to a full disk: %v: %s", err, out)
	}
	c.eventuallyOK(t, "kubectl", "wait", "--for=condition=DiskPressure", "node/"+node, "--timeout=10s")
	eventually(t, "eviction", func(context.Context) error {
		out := c.kubectl(t, "get", "events", "--field-selector", "involvedObject.name=writer,reason=Evicted")
		if !strings.Contains(out, "ephemeral-storage") {
			return errors.New(out)
		}
		return nil
	})
	if now := c.kubeletConfig(t, node); now != config {
		t.Errorf("the kubelet was told:\n%s\nand before:\n%s", now, config)
	}
	if healed, err := c.control().HealFaults(bounded(t), "disk-pressure", node); err != nil || len(healed) != 1 {
		t.Fatalf("heal: %v, %v", healed, err)
	}
	if free := c.freeOn(t, node); free < had-50<<20 {
		t.Errorf("%d MiB were free, and are %d after the disk was healed", had>>20, free>>20)
	}
	c.eventuallyOK(t, "kubectl", "wait", "--for=condition=DiskPressure=false", "node/"+node, "--timeout=10s")
	c.kubectl(t, "delete", "pod", "writer", "--wait=true")
	c.runOn(t, "default", "writer", node, "kubarium/web:1.0")
	if out, err := write("after"); err != nil {
		t.Errorf("writing to a disk that was healed: %v: %s", err, out)
	}
	c.kubarium(t, "node", "rm", node)
	if _, err := os.Stat(c.path("nodes", node)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the removed node's disk: %v", err)
	}
}

// insideNode is where the host has a file of a node.
func (c *testCluster) insideNode(t *testing.T, node, path string) string {
	t.Helper()
	return filepath.Join(fmt.Sprintf("/proc/%d/root", c.machine(t, node)), path)
}

// freeOn is what the kernel says is free of a node's disk.
func (c *testCluster) freeOn(t *testing.T, node string) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(c.insideNode(t, node, "/var"), &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

func (c *testCluster) kubeletConfig(t *testing.T, node string) string {
	t.Helper()
	data, err := os.ReadFile(c.insideNode(t, node, "/etc/kubernetes/kubelet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fillProgram fills the disk that etcd, and everything else of the cluster, writes to.
func (c *testCluster) fillProgram(t *testing.T, disk string) {
	ballast := filepath.Join(disk, "ballast")
	value := string(bytes.Repeat([]byte("x"), 200<<10))
	var acknowledged []string
	create := func(ctx context.Context) {
		name := fmt.Sprintf("kept-%d", len(acknowledged))
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"value": value}}
		if _, err := c.client.CoreV1().ConfigMaps("default").Create(ctx, object, metav1.CreateOptions{}); err == nil {
			acknowledged = append(acknowledged, name)
		}
	}
	for range 20 {
		create(bounded(t))
	}
	eventually(t, "etcd's end", func(ctx context.Context) error {
		// Others of the cluster write, and remove, too.
		takeRest(t, ballast)
		create(ctx)
		info, err := c.control().Info(ctx)
		if err != nil {
			t.Fatalf("the program does not answer: %v", err)
		}
		for _, part := range info.Components {
			if part.Name == "etcd" && part.State == component.Failed && strings.Contains(part.Message, "the disk is full: free some space") {
				return nil
			}
		}
		return fmt.Errorf("%d objects were acknowledged, and the components are %+v", len(acknowledged), info.Components)
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "etcd goes on", func(ctx context.Context) error {
		_, err := c.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "after"}}, metav1.CreateOptions{})
		return err
	})
	list, err := c.client.CoreV1().ConfigMaps("default").List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, object := range list.Items {
		there[object.Name] = object.Data["value"] == value
	}
	for _, name := range acknowledged {
		if !there[name] {
			t.Errorf("%s was acknowledged, and is not there as it was", name)
		}
	}
	t.Logf("%d objects were acknowledged, and are there", len(acknowledged))
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		eventually(t, name, func(ctx context.Context) error {
			info, err := c.control().Info(ctx)
			for _, part := range info.Components {
				if part.Name == name && part.State != component.Ready {
					return fmt.Errorf("is %s: %s", part.State, part.Message)
				}
			}
			return err
		})
	}
}

// takeRest gives a file all that is free of its disk.
func takeRest(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size()
	for chunk := int64(1 << 30); chunk >= 4096; {
		switch err := unix.Fallocate(int(file.Fd()), 0, size, chunk); {
		case err == nil:
			size += chunk
		case errors.Is(err, unix.ENOSPC):
			chunk /= 2
		case !errors.Is(err, unix.EINTR):
			t.Fatal(err)
		}
	}
}
