// Package doctor looks at whether a machine can run a cluster, and names what to do
// about each thing that is missing.
package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"kubarium/cluster/machine"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
	"kubarium/cluster/node/nodeinit"
)

// Result is what one check found.
type Result struct {
	// Check says what was looked at.
	Check string `json:"check"`
	// OK is whether the cluster can run; Found says what is there.
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	// Remedy says what to do; "" if nothing needs to be done.
	Remedy string `json:"remedy,omitempty"`
	// Warning results don't keep the cluster from running.
	Warning bool `json:"warning,omitempty"`
}

// check looks at one thing: what is there, and an error with the remedy.
type check struct {
	name    string
	warning bool
	look    func() (found string, err error)
}

// Run makes all checks. dataDir is where clusters keep their state.
func Run(dataDir string) []Result {
	checks := []check{
		{"root", false, checkRoot},
		{"capabilities", false, checkCapabilities},
		{"kernel", false, checkKernel},
		{"cgroups", false, checkCgroups},
		{"nft", false, checkNft},
		{"namespaces", false, checkNamespaces},
		{"tap device", true, checkTun},
		{"inotify instances", true, checkInotify},
		{"memory", true, checkMemory},
		{"disk", true, func() (string, error) { return checkDisk(dataDir) }},
		{"addresses", true, checkAddresses},
	}
	results := make([]Result, 0, len(checks))
	for _, c := range checks {
		found, err := c.look()
		r := Result{Check: c.name, OK: err == nil, Found: found, Warning: c.warning && err != nil}
		if err != nil {
			r.Remedy = err.Error()
		}
		results = append(results, r)
	}
	return results
}

func checkRoot() (string, error) {
	if os.Geteuid() == 0 {
		return "root", nil
	}
	return fmt.Sprintf("user %d", os.Geteuid()), errors.New("start kubarium with sudo: nodes are made of namespaces, mounts and cgroups")
}

func checkCapabilities() (string, error) {
	if os.Geteuid() != 0 {
		return "those of a user", nil
	}
	if err := node.CheckCapabilities(); err != nil {
		return "some are missing", err
	}
	return "all that are needed", nil
}

func checkKernel() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("ask for the kernel: %w", err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return release, nil
	}
	if major < 5 || major == 5 && minor < 13 {
		return release, errors.New("kube-proxy's nftables mode needs Linux 5.13 or later: update the kernel")
	}
	return release, nil
}

func checkCgroups() (string, error) {
	unified, err := nodeinit.Unified()
	if err != nil {
		return "none", errors.New("mount cgroups at /sys/fs/cgroup: mount -t cgroup2 none /sys/fs/cgroup")
	}
	found := "v1"
	var controllers []byte
	if unified {
		found = "v2"
		controllers, err = os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	} else {
		controllers, err = os.ReadFile("/proc/self/cgroup")
	}
	if err != nil {
		return found, fmt.Errorf("list cgroup controllers: %w", err)
	}
	for _, controller := range []string{"cpu", "cpuset", "memory", "pids"} {
		if !strings.Contains(string(controllers), controller) {
			return found, fmt.Errorf("the kernel has no %s controller: boot with cgroup_enable=%s", controller, controller)
		}
	}
	return found, nil
}

func checkNft() (string, error) {
	path, err := exec.LookPath("nft")
	if err != nil {
		return "none", errors.New("install nftables: apt-get install nftables, or dnf install nftables")
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return path, fmt.Errorf("run nft: %w", err)
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(string(out), "nftables v%d.%d.%d", &major, &minor, &patch); err == nil && major == 1 && minor == 0 && patch < 1 {
		return strings.TrimSpace(string(out)), errors.New("kube-proxy needs nft 1.0.1 or later: update nftables")
	}
	return strings.TrimSpace(string(out)), nil
}

func checkNamespaces() (string, error) {
	for _, kind := range []string{"mnt", "pid", "net", "uts", "ipc", "cgroup"} {
		if _, err := os.Stat(filepath.Join("/proc/self/ns", kind)); err != nil {
			return "", fmt.Errorf("the kernel has no %s namespaces: use one that has", kind)
		}
	}
	return "mnt pid net uts ipc cgroup", nil
}

func checkTun() (string, error) {
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return "none", errors.New("pods won't reach the internet: modprobe tun")
	}
	return "/dev/net/tun", nil
}

func checkInotify() (string, error) {
	// Each node's kubelet and containerd take some.
	const want = 256
	have, err := readInt("/proc/sys/fs/inotify/max_user_instances")
	if err != nil {
		return "", err
	}
	if have < want {
		return strconv.Itoa(have), errors.New("more than a few nodes won't start: sysctl fs.inotify.max_user_instances=8192")
	}
	return strconv.Itoa(have), nil
}

// checkAddresses tells which addresses a new cluster would have.
func checkAddresses() (string, error) {
	taken, err := network.Taken()
	if err != nil {
		return "", err
	}
	r := network.Choose(taken)
	found := fmt.Sprintf("nodes %s, pods %s, services %s", r.Nodes, r.Pods, r.Services)
	if met := r.Overlap(taken); len(met) > 0 {
		return found, fmt.Errorf("this machine's network has %v, and no range is left: pods can't reach the machines there", met)
	}
	return found, nil
}

func checkMemory() (string, error) {
	total := machine.Memory("MemTotal:", -1)
	if total < 0 {
		return "", errors.New("the kernel does not tell its memory: mount /proc")
	}
	return judgeMemory(machine.CgroupRoot, total)
}

// judgeMemory judges what a container's limit, told by the cgroups below root, leaves of total.
func judgeMemory(root string, total int64) (string, error) {
	const want = 2 << 30
	has := machine.Contained(root, total)
	found := fmt.Sprintf("%.1f GiB", float64(has)/(1<<30))
	if has < total {
		found += ", the limit of this container"
	}
	if has < want*9/10 {
		return found, errors.New("three nodes want 2 GiB: use --nodes 1")
	}
	return found, nil
}

func checkDisk(dataDir string) (string, error) {
	dir := dataDir
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "", fmt.Errorf("look at %s: %w", dir, err)
	}
	free := s.Bavail * uint64(s.Bsize)
	found := fmt.Sprintf("%.1f GiB free in %s", float64(free)/(1<<30), dir)
	if free < 2<<30 {
		return found, errors.New("pods are evicted below 0.5 GiB: free some space, or choose another --data-dir")
	}
	return found, nil
}

func readInt(path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
