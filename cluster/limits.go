package cluster

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"golang.org/x/sys/unix"

	"kubarium/cluster/machine"
)

// What a start needs of the machine. Without it a cluster would come up in part, and
// say so minutes later or never.
const (
	// inotifyPerNode is how many instances containerd, kubelet and kube-proxy of one node
	// take, and inotifyOwn the control plane.
	inotifyPerNode = 9
	inotifyOwn     = 20
	// minFree and minInodes are what must be left of the disk.
	minFree   = 200 << 20
	minInodes = 2000
	// memoryOwn is the least that the program takes, and memoryPerNode what a node does
	// without pods: less, and the kernel ends one of them during the start.
	memoryOwn     = 350 << 20
	memoryPerNode = 80 << 20
	// minTasks is how many threads the program itself needs.
	minTasks = 256
)

// checkInotify tries to make as many inotify instances as the nodes take: what the
// others of the same user have taken cannot be asked for.
func checkInotify(nodes int) error {
	want := inotifyOwn + nodes*inotifyPerNode
	var made []int
	defer func() {
		for _, fd := range made {
			_ = unix.Close(fd)
		}
	}()
	for range want {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if errors.Is(err, unix.EMFILE) {
			return fmt.Errorf("there are %d inotify instances left, and a start takes some %d: raise the limit with 'sysctl fs.inotify.max_user_instances=8192'", len(made), want)
		}
		if err != nil {
			return fmt.Errorf("make inotify instance: %w", err)
		}
		made = append(made, fd)
	}
	return nil
}

// checkTasks looks how many threads the cgroups that the program was started in leave it.
// Go ends a process that gets none.
func checkTasks() error {
	groups, err := machine.OwnGroups()
	if err != nil {
		return err
	}
	mounts := map[string]string{"pids": machine.CgroupRoot + "/pids", "": machine.CgroupRoot}
	for controller, path := range groups {
		mount, ok := mounts[controller]
		if !ok {
			continue
		}
		for ; ; path = filepath.Dir(path) {
			dir := filepath.Join(mount, path)
			limit, used := machine.Number(filepath.Join(dir, "pids.max")), machine.Number(filepath.Join(dir, "pids.current"))
			if limit >= 0 && limit-used < minTasks {
				return fmt.Errorf("the cgroup %s may have %d more threads, and a start takes %d: raise its pids.max, or TasksMax of the systemd unit", path, max(0, limit-used), minTasks)
			}
			if path == "/" {
				break
			}
		}
	}
	return nil
}

// checkMemory looks whether the machine, and the cgroups that the program was started in,
// have the memory that a start takes.
func checkMemory(nodes int) error {
	want := memoryOwn + nodes*memoryPerNode
	remedy := "end other programs"
	if nodes > 1 {
		remedy += ", or start a new cluster with --nodes 1"
	}
	if left := machine.Memory("MemAvailable:", math.MaxInt64); left < int64(want) {
		return fmt.Errorf("this machine has %d MiB of memory left, and a start of %d nodes takes %d MiB: %s", left>>20, nodes, want>>20, remedy)
	}
	groups, err := machine.OwnGroups()
	if err != nil {
		return err
	}
	for _, l := range machine.MemoryLimits(machine.CgroupRoot, groups) {
		if l.Bytes < int64(want) {
			return fmt.Errorf("the cgroup %s may have %d MiB of memory, and a start of %d nodes takes %d MiB: raise its limit, MemoryMax of the systemd unit, or the container's --memory", l.Group, l.Bytes>>20, nodes, want>>20)
		}
	}
	return nil
}

// checkDisk looks whether there is room for the helper programs and etcd.
func checkDisk(dir string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < minFree {
		return fmt.Errorf("%s has %d MiB free, and a start takes %d MiB: free some space, or choose another --data-dir", dir, free>>20, minFree>>20)
	}
	// Some file systems have as many as they like, and call that none.
	if s.Files > 0 && s.Ffree < minInodes {
		return fmt.Errorf("%s has room for %d more files only: remove some, or choose another --data-dir", dir, s.Ffree)
	}
	return nil
}
