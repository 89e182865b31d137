package node

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node/nodeinit"
)

// nodePath is where programs are looked for in a node.
const nodePath = OptDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// prepare makes the node's directories and says what its first process is to make.
func prepare(spec Spec) (nodeinit.Config, error) {
	for _, dir := range []string{spec.varDir(), spec.rootDir(), spec.LogDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nodeinit.Config{}, fmt.Errorf("make directory of %s: %w", spec.Name, err)
		}
	}
	if err := nodeinit.InstallDisk(spec.varDir()); err != nil {
		return nodeinit.Config{}, fmt.Errorf("make disk of %s: %w", spec.Name, err)
	}
	restrict, err := lacksSysResource()
	if err != nil {
		return nodeinit.Config{}, err
	}
	files, err := spec.files(spec.snapshotter(), restrict)
	if err != nil {
		return nodeinit.Config{}, err
	}
	return nodeinit.Config{
		Hostname: spec.Name, MachineID: spec.MachineID, ProductUUID: uuidOf(spec.MachineID),
		Root: spec.rootDir(), Var: spec.varDir(), Cgroup: spec.CgroupParent,
		Binds: []nodeinit.Bind{
			{Source: spec.BinDir, Target: OptDir, ReadOnly: true},
			{Source: spec.Self, Target: AgentPath, ReadOnly: true},
			{Source: spec.LogDir, Target: LogDir},
		},
		Files:     files,
		Processes: processes(),
	}, nil
}

// processes are the machine's daemons. They share one: the program takes some 30 MiB
// before it does anything. Containers have their own parents, and outlive it.
func processes() []nodeinit.Process {
	return []nodeinit.Process{{
		Path: AgentPath, Args: []string{AgentName}, Log: agentLog("agent"),
		// Idle memory counts more here than a few per cent of processor time.
		Env:   []string{"PATH=" + nodePath, "HOME=/root", "GOGC=50"},
		Roles: []string{RoleContainerd, RoleKubelet, RoleKubeProxy, RoleNetworkPolicy},
	}}
}

// uuidOf writes a machine ID as the UUID that firmware would have.
func uuidOf(machineID string) string {
	if len(machineID) != 32 {
		return machineID
	}
	return machineID[:8] + "-" + machineID[8:12] + "-" + machineID[12:16] + "-" + machineID[16:20] + "-" + machineID[20:]
}

// snapshotter is how images are unpacked on the node's disk. On one of its own overlayfs can
// always lie, if the kernel has it.
func (s Spec) snapshotter() string {
	if s.DiskBytes > 0 && hasOverlay() {
		return "overlayfs"
	}
	return snapshotterFor(s.varDir())
}

func hasOverlay() bool {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// snapshotterFor picks how images are unpacked: overlayfs, unless it can't lie on the
// file system of dir, as in a container whose own is overlayfs.
func snapshotterFor(dir string) string {
	if err := tryOverlay(dir); err != nil {
		return "native"
	}
	return "overlayfs"
}

// tryOverlay makes an overlay file system in dir that is mounted nowhere.
func tryOverlay(dir string) error {
	probe, err := os.MkdirTemp(dir, ".overlay-")
	if err != nil {
		return fmt.Errorf("try overlayfs: %w", err)
	}
	defer os.RemoveAll(probe)
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("try overlayfs: %w", err)
	}
	defer unix.Close(fd)
	for _, name := range []string{"lowerdir", "upperdir", "workdir"} {
		path := filepath.Join(probe, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			return fmt.Errorf("try overlayfs: %w", err)
		}
		if err := unix.FsconfigSetString(fd, name, path); err != nil {
			return fmt.Errorf("try overlayfs: %w", err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return fmt.Errorf("try overlayfs: %w", err)
	}
	return nil
}

// lacksSysResource reports whether this process may not lower OOM scores, as in some
// sandboxes.
func lacksSysResource() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("read capabilities: %w", err)
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) == 0, nil
}
