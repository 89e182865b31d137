package inspect

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/cap"
	"github.com/prometheus/procfs"

	"kubarium/cluster/node/nodeinit"
)

// Place is where to look for a container's Linux side.
type Place struct {
	// PIDs of the container on this machine; the first is that of its first process.
	PIDs []int
	// Others are processes to compare namespaces with, by what they are.
	Others map[string]int
	// Cgroups are the container's, by controller.
	Cgroups map[string]string
}

// ReadLinux looks at a container that runs.
func ReadLinux(at Place) (Linux, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return Linux{}, fmt.Errorf("open /proc: %w", err)
	}
	if len(at.PIDs) == 0 {
		return Linux{}, fmt.Errorf("nothing of the container runs")
	}
	first, err := proc.Proc(at.PIDs[0])
	if err != nil {
		return Linux{}, fmt.Errorf("find process: %w", err)
	}
	var l Linux
	for _, pid := range at.PIDs {
		// One that has just ended is left out.
		if p, err := readProcess(proc, pid); err == nil {
			l.Processes = append(l.Processes, p)
		}
	}
	if l.Namespaces, err = namespaces(proc, first, at.Others); err != nil {
		return l, err
	}
	if err := l.readStatus(first.PID); err != nil {
		return l, err
	}
	if err := l.readMounts(first); err != nil {
		return l, err
	}
	return l, l.readCgroups(at.Cgroups)
}

func readProcess(proc procfs.FS, pid int) (Process, error) {
	p, err := proc.Proc(pid)
	if err != nil {
		return Process{}, err
	}
	status, err := p.NewStatus()
	if err != nil {
		return Process{}, err
	}
	stat, err := p.Stat()
	if err != nil {
		return Process{}, err
	}
	words, err := p.CmdLine()
	if err != nil || len(words) == 0 {
		words = []string{"[" + stat.Comm + "]"}
	}
	result := Process{Host: pid, Command: strings.Join(words, " "), State: stat.State}
	// From the outermost namespace to the innermost: this machine, the node, the pod.
	if n := len(status.NSpids); n > 1 {
		result.Node, result.Inside = int(status.NSpids[1]), int(status.NSpids[n-1])
	}
	return result, nil
}

// namespaces lists those of a process, and who else is in them.
func namespaces(proc procfs.FS, of procfs.Proc, others map[string]int) ([]Namespace, error) {
	own, err := of.Namespaces()
	if err != nil {
		return nil, fmt.Errorf("read namespaces: %w", err)
	}
	theirs := map[string]procfs.Namespaces{}
	for name, pid := range others {
		if p, err := proc.Proc(pid); err == nil {
			if n, err := p.Namespaces(); err == nil {
				theirs[name] = n
			}
		}
	}
	var list []Namespace
	for kind, ns := range own {
		if strings.HasSuffix(kind, "_for_children") {
			continue
		}
		n := Namespace{Kind: kind, Inode: ns.Inode}
		for _, name := range slices.Sorted(maps.Keys(theirs)) {
			if theirs[name][kind].Inode == ns.Inode {
				n.Shared = append(n.Shared, name)
			}
		}
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b Namespace) int { return strings.Compare(a.Kind, b.Kind) })
	return list, nil
}

// readStatus reads what /proc/PID/status says, of which procfs knows but a part.
func (l *Linux) readStatus(pid int) error {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Errorf("read status of process: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		l.note(key, strings.TrimSpace(value))
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read status of process: %w", err)
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		return fmt.Errorf("read OOM score: %w", err)
	}
	l.OOMScore, err = strconv.Atoi(strings.TrimSpace(string(data)))
	return err
}

func (l *Linux) note(key, value string) {
	switch key {
	case "CapEff":
		l.Capabilities.Effective = capabilities(value)
	case "CapPrm":
		l.Capabilities.Permitted = capabilities(value)
	case "CapInh":
		l.Capabilities.Inheritable = capabilities(value)
	case "CapBnd":
		l.Capabilities.Bounding = capabilities(value)
	case "CapAmb":
		l.Capabilities.Ambient = capabilities(value)
	case "NoNewPrivs":
		l.NoNewPrivs = value == "1"
	case "Seccomp":
		l.Seccomp = map[string]string{"0": "disabled", "1": "strict", "2": "filter"}[value]
	case "Seccomp_filters":
		l.Filters, _ = strconv.Atoi(value)
	case "Uid":
		l.UID = effective(value)
	case "Gid":
		l.GID = effective(value)
	}
}

// effective is the second of real, effective, saved and file system's.
func effective(ids string) string {
	if fields := strings.Fields(ids); len(fields) > 1 {
		return fields[1]
	}
	return ids
}

func capabilities(hex string) []string {
	bits, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return nil
	}
	names, unknown := cap.FromBitmap(bits)
	for _, number := range unknown {
		names = append(names, fmt.Sprintf("CAP_%d", number))
	}
	slices.Sort(names)
	return names
}

func (l *Linux) readMounts(p procfs.Proc) error {
	mounts, err := p.MountInfo()
	if err != nil {
		return fmt.Errorf("read mounts: %w", err)
	}
	for _, m := range mounts {
		l.Mounts = append(l.Mounts, Mount{
			Target: m.MountPoint, Type: m.FSType, Source: m.Source, Root: m.Root,
			Options: join(m.Options),
		})
		if m.MountPoint == "/" {
			l.Layers = Layers{Type: m.FSType, Upper: m.SuperOptions["upperdir"]}
			if lower := m.SuperOptions["lowerdir"]; lower != "" {
				l.Layers.Lower = strings.Split(lower, ":")
			}
		}
	}
	return nil
}

func join(options map[string]string) string {
	var list []string
	for key, value := range options {
		if value != "" {
			key += "=" + value
		}
		list = append(list, key)
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// readCgroups reads the files that say most. What a kernel lacks is left out.
func (l *Linux) readCgroups(groups map[string]string) error {
	unified, err := nodeinit.Unified()
	if err != nil {
		return err
	}
	l.CgroupMode = "v1"
	files := map[string][]string{
		"memory": {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.failcnt", "memory.oom_control"},
		"cpu":    {"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"},
		"pids":   {"pids.max", "pids.current"},
	}
	if unified {
		l.CgroupMode = "v2"
		files = map[string][]string{
			"memory": {"memory.max", "memory.current", "memory.min", "memory.high", "memory.events"},
			"cpu":    {"cpu.weight", "cpu.max", "cpu.stat"},
			"pids":   {"pids.max", "pids.current"},
		}
	}
	for _, controller := range slices.Sorted(maps.Keys(groups)) {
		g := Cgroup{Controller: controller, Path: groups[controller]}
		for _, name := range files[controller] {
			data, err := os.ReadFile(filepath.Join(g.Path, name))
			if err != nil {
				continue
			}
			g.Files = append(g.Files, Entry{Name: name, Value: strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", ", ")})
		}
		l.Cgroups = append(l.Cgroups, g)
	}
	return nil
}
