package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
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
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return fmt.Errorf("find own cgroup: %w", err)
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		mount := map[string]string{"pids": "/sys/fs/cgroup/pids", "": "/sys/fs/cgroup"}
		if len(fields) != 3 || mount[fields[1]] == "" {
			continue
		}
		for path := fields[2]; ; path = filepath.Dir(path) {
			dir := filepath.Join(mount[fields[1]], path)
			limit, used := number(filepath.Join(dir, "pids.max")), number(filepath.Join(dir, "pids.current"))
			if limit >= 0 && limit-used < minTasks {
				return fmt.Errorf("the cgroup %s may have %d more threads, and a start takes %d: raise its pids.max, or TasksMax of the systemd unit", path, max(0, limit-used), minTasks)
			}
			if path == "/" || path == "." {
				break
			}
		}
	}
	return nil
}

// number reads a file with a number in it; -1 if there is none.
func number(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return -1
	}
	return n
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
