package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node/nodeinit"
)

// nodePath is where programs are looked for in a node.
const nodePath = OptDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// prepare makes the node's directories and writes what its first process reads.
func prepare(spec Spec) error {
	for _, dir := range []string{spec.varDir(), spec.rootDir(), spec.LogDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make directory of %s: %w", spec.Name, err)
		}
	}
	// Pods see parts of /var through hostPath; the directories above keep others out.
	if err := os.Chmod(spec.varDir(), 0o755); err != nil {
		return fmt.Errorf("make directory of %s: %w", spec.Name, err)
	}
	snapshotter, err := snapshotterFor(spec.varDir())
	if err != nil {
		return err
	}
	restrict, err := lacksSysResource()
	if err != nil {
		return err
	}
	files, err := spec.files(snapshotter, restrict)
	if err != nil {
		return err
	}
	config := nodeinit.Config{
		Hostname: spec.Name, MachineID: spec.MachineID, ProductUUID: uuidOf(spec.MachineID),
		Root: spec.rootDir(), Var: spec.varDir(), Cgroup: spec.CgroupParent,
		Binds: []nodeinit.Bind{
			{Source: spec.BinDir, Target: OptDir, ReadOnly: true},
			{Source: spec.Self, Target: AgentPath, ReadOnly: true},
			{Source: spec.LogDir, Target: LogDir},
		},
		Files:     files,
		Processes: processes(),
	}
	data, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("encode configuration of %s: %w", spec.Name, err)
	}
	if err := os.WriteFile(spec.configPath(), data, 0o600); err != nil {
		return fmt.Errorf("write configuration of %s: %w", spec.Name, err)
	}
	return nil
}

// processes are the machine's daemons. containerd is alone, so that it can fail or be
// stopped without the kubelet; kubelet and kube-proxy share a process, which saves some
// 30 MiB a node.
func processes() []nodeinit.Process {
	agent := func(name string, roles ...string) nodeinit.Process {
		return nodeinit.Process{
			Name: name, Path: AgentPath, Args: append([]string{AgentName}, roles...), Log: agentLog(name),
			// Idle memory counts more here than a few per cent of processor time.
			Env: []string{"PATH=" + nodePath, "HOME=/root", "GOGC=50"},
		}
	}
	return []nodeinit.Process{
		agent(RoleContainerd, RoleContainerd),
		agent(RoleKubelet, RoleKubelet, RoleKubeProxy),
	}
}

// uuidOf writes a machine ID as the UUID that firmware would have.
func uuidOf(machineID string) string {
	if len(machineID) != 32 {
		return machineID
	}
	return machineID[:8] + "-" + machineID[8:12] + "-" + machineID[12:16] + "-" + machineID[16:20] + "-" + machineID[20:]
}

// snapshotterFor picks how images are unpacked: overlayfs can't lie on overlayfs, as
// in a container without a volume.
func snapshotterFor(dir string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Clean(dir), &s); err != nil {
		return "", fmt.Errorf("look at file system of %s: %w", dir, err)
	}
	if s.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native", nil
	}
	return "overlayfs", nil
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
