package nodeinit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// devices of the host that a node has. A node that could make devices of its own, or
// had the host's whole /dev, could reach the host's disks.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse", "net/tun"}

// tunables are kernel settings of the whole machine that the kubelet wants. It writes
// where they differ; here it finds what it wants, and the host's stay as they are.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// helpers are kernel settings of the whole machine by which the kernel runs a program as the
// host's root, or which stop it. They are root's, and a pod's root that mounts the node's /proc
// or /sys by hostPath is that. Here they are files that do nothing.
var helpers = []string{
	"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sys/kernel/poweroff_cmd",
	"/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/power/state",
}

// buildMachine makes the root file system and moves into it.
func buildMachine(c Config) error {
	// From here on nothing that is mounted reaches the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := mountFS("tmpfs", c.Root, "mode=755"); err != nil {
		return err
	}
	for _, step := range []func(Config) error{makeTree, mountKernel, mountDevices, bindHost, writeFiles, shadowSettings} {
		if err := step(c); err != nil {
			return err
		}
	}
	return enterRoot(c.Root)
}

func makeTree(c Config) error {
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp", "var", "etc", "usr", "opt", "root", "mnt", "home"} {
		if err := os.Mkdir(filepath.Join(c.Root, dir), 0o755); err != nil {
			return fmt.Errorf("make root file system: %w", err)
		}
	}
	for _, dir := range []string{"run", "tmp"} {
		if err := mountFS("tmpfs", filepath.Join(c.Root, dir), "mode=1777"); err != nil {
			return err
		}
	}
	return os.Chmod(filepath.Join(c.Root, "run"), 0o755)
}

func mountKernel(c Config) error {
	if err := mountFS("proc", filepath.Join(c.Root, "proc"), ""); err != nil {
		return err
	}
	// A sysfs of the node's own shows the node's network interfaces.
	if err := mountFS("sysfs", filepath.Join(c.Root, "sys"), ""); err != nil {
		return err
	}
	return mountCgroups(c.Root)
}

func mountDevices(c Config) error {
	dev := filepath.Join(c.Root, "dev")
	if err := mountFS("tmpfs", dev, "mode=755"); err != nil {
		return err
	}
	for _, name := range devices {
		source := filepath.Join("/dev", name)
		if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := bind(source, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	for _, m := range []struct{ fstype, name, options string }{
		{"devpts", "pts", "newinstance,ptmxmode=0666,mode=0620,gid=5"},
		{"tmpfs", "shm", "mode=1777"},
		{"mqueue", "mqueue", ""},
	} {
		target := filepath.Join(dev, m.name)
		if err := os.Mkdir(target, 0o755); err != nil {
			return fmt.Errorf("make /dev/%s: %w", m.name, err)
		}
		if err := mountFS(m.fstype, target, m.options); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd",
		"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dev, link)); err != nil {
			return fmt.Errorf("make /dev/%s: %w", link, err)
		}
	}
	return nil
}

// mountDisk brings the node's disk in: a directory of the host's, or a disk of its own.
func mountDisk(c Config) error {
	target := filepath.Join(c.Root, "var")
	if c.Device == "" {
		return bind(c.Var, target)
	}
	if err := unix.Mount(c.Device, target, DiskFS, unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount the node's disk: %w", err)
	}
	return InstallDisk(target)
}

// InstallDisk makes what a new /var has, and removes what a power cut left of a fault. Pods
// see parts of it through hostPath, and so may others read it.
func InstallDisk(dir string) error {
	if err := installDisk(dir); err != nil {
		return fmt.Errorf("install disk: %w", err)
	}
	return nil
}

func installDisk(dir string) error {
	// What is on it was written by pods, too: their links lead nowhere else.
	disk, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer disk.Close()
	if err := disk.Chmod(".", 0o755); err != nil {
		return err
	}
	if err := disk.MkdirAll("tmp", 0o755); err != nil {
		return err
	}
	if err := disk.Chmod("tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	if err := disk.Symlink("/run", "run"); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := disk.Remove(FillFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func writeFiles(c Config) error {
	files := append([]File{
		{Path: "/etc/hostname", Content: []byte(c.Hostname + "\n"), Mode: 0o644},
		{Path: "/etc/machine-id", Content: []byte(c.MachineID + "\n"), Mode: 0o444},
	}, c.Files...)
	for _, file := range files {
		path := filepath.Join(c.Root, file.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", file.Path, err)
		}
		if err := os.WriteFile(path, file.Content, file.Mode); err != nil {
			return fmt.Errorf("write %s: %w", file.Path, err)
		}
	}
	return nil
}

// shadowSettings mounts files over what would otherwise be the host's.
func shadowSettings(c Config) error {
	bootID, err := newUUID()
	if err != nil {
		return err
	}
	shadows := map[string]string{
		"/sys/class/dmi/id/product_uuid":  c.ProductUUID,
		"/proc/sys/kernel/random/boot_id": bootID,
	}
	for name, value := range tunables {
		shadows["/proc/sys/"+name] = value
	}
	for _, path := range helpers {
		// Not all of them can be read.
		value, _ := os.ReadFile(path)
		shadows[path] = strings.TrimSuffix(string(value), "\n")
	}
	for path, value := range shadows {
		target := filepath.Join(c.Root, path)
		if _, err := os.Stat(target); err != nil {
			continue
		}
		source := filepath.Join(c.Root, "run", "shadow", path)
		if err := os.MkdirAll(filepath.Dir(source), 0o700); err != nil {
			return fmt.Errorf("shadow %s: %w", path, err)
		}
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("shadow %s: %w", path, err)
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("shadow %s: %w", path, err)
		}
	}
	return nil
}

// newUUID draws a random UUID, in the form that the kernel gives its boots.
func newUUID() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("draw boot ID: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// enterRoot makes root the root, and leaves nothing of the host's mounts visible.
func enterRoot(root string) error {
	old := filepath.Join(root, ".host")
	if err := os.Mkdir(old, 0o700); err != nil {
		return fmt.Errorf("enter root file system: %w", err)
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("enter root file system: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("enter root file system: %w", err)
	}
	if err := unix.Unmount("/.host", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's file systems: %w", err)
	}
	if err := os.Remove("/.host"); err != nil {
		return fmt.Errorf("leave the host's file systems: %w", err)
	}
	// Volumes with bidirectional propagation need shared mounts, as systemd makes them.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts: %w", err)
	}
	return nil
}

func mountFS(fstype, target, options string) error {
	if err := unix.Mount(fstype, target, fstype, unix.MS_NOSUID, options); err != nil {
		return fmt.Errorf("mount %s at %s: %w", fstype, target, err)
	}
	return nil
}
