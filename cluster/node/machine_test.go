package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kubarium/cluster/node/nodeinit"
)

// look makes the node write down what it sees, a file a fact.
const look = `set -e
cd /var/log/kubarium
hostname > hostname
cat /etc/machine-id > machine-id
cat /proc/sys/kernel/random/boot_id > boot-id
cat /proc/sys/net/ipv4/ip_forward > ip-forward
cat /proc/sys/kernel/panic > panic
cat /proc/self/mountinfo > mountinfo
cat /proc/self/cgroup > cgroup
tr '\0' '\n' < /proc/1/cmdline > init
ls /proc | grep -x '[0-9]*' | wc -l > processes
umask > umask
ls /proc/self/fd > descriptors
mount -o remount,bind,rw /usr 2>/dev/null || true
((touch /usr/ours && rm /usr/ours) 2>&1 || true) > touch
mount -o remount,bind,ro /usr 2>/dev/null || true
(ls -d /home/* /root/* 2>/dev/null || true) > homes
`

func TestMachineIsItsOwn(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := t.TempDir()
	spec := testSpec("node-7", dir)
	mounts, settings := readFile(t, "/proc/self/mountinfo"), hostSettings(t)
	n, events := startMachine(t, spec, map[string]string{"look": look, "sleeper": "exec sleep 1000"})
	start(t, n, "look")
	if e := awaitEvent(t, events, nodeinit.Exited, "look"); e.Message != "exit code 0" {
		t.Fatalf("looking around: %s\n%s", e.Message, readFile(t, filepath.Join(spec.LogDir, "look.log")))
	}
	fact := func(name string) string { return strings.TrimSpace(readFile(t, filepath.Join(spec.LogDir, name))) }
	for name, want := range map[string]string{
		"hostname": "node-7", "machine-id": "0123456789abcdef0123456789abcdef",
		"ip-forward": "1", "panic": "10", "umask": "0022", "homes": "",
		"init": filepath.Join(binDir, InitProgram),
	} {
		if got := fact(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if own := strings.TrimSpace(readFile(t, "/proc/sys/kernel/random/boot_id")); fact("boot-id") == own {
		t.Error("the boot ID is the host's")
	}
	if got := fact("touch"); !strings.Contains(got, "Read-only file system") {
		t.Errorf("writing to /usr: %q, want it refused", got)
	}
	if count, err := strconv.Atoi(fact("processes")); err != nil || count > 8 {
		t.Errorf("%s processes are visible, want a handful", fact("processes"))
	}
	for _, line := range strings.Split(fact("cgroup"), "\n") {
		if path := line[strings.LastIndex(line, ":")+1:]; path != "/" && path != "/init" && !strings.HasPrefix(line, "0:") {
			t.Errorf("cgroup %q: the machine is not at the top", line)
		}
	}
	checkMounts(t, fact("mountinfo"))
	// Its own three, and the directory that it reads.
	if got := strings.Join(strings.Fields(fact("descriptors")), " "); got != "0 1 2 3" {
		t.Errorf("a process has descriptors %s: some are inherited", got)
	}
	start(t, n, "sleeper")
	checkNamespaces(t, n)
	if now := readFile(t, "/proc/self/mountinfo"); now != mounts {
		t.Errorf("the host's mounts changed:\n%s\nwere:\n%s", now, mounts)
	}
	if now := hostSettings(t); now != settings {
		t.Errorf("the host's settings are %s, were %s", now, settings)
	}
}

// checkMounts sees that the host's file systems are not in the machine but for its
// programs, some of /etc and the node's own disk.
func checkMounts(t *testing.T, mountinfo string) {
	t.Helper()
	allowed := []string{"/usr", "/bin", "/sbin", "/lib", "/etc/", "/dev/", "/var", "/opt/kubarium"}
	for _, line := range strings.Split(mountinfo, "\n") {
		fields := strings.Fields(line)
		point, separator := fields[4], strings.Index(line, " - ")
		fstype := strings.Fields(line[separator+3:])[0]
		if !strings.Contains(line[:separator], "shared:") {
			t.Errorf("mount %s is not shared", point)
		}
		switch fstype {
		case "proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2":
			continue
		}
		fine := false
		for _, prefix := range allowed {
			fine = fine || strings.HasPrefix(point, prefix)
		}
		if !fine {
			t.Errorf("the host's %s is visible at %s", fields[3], point)
		}
		// Its programs are read-only, and run as who starts them: to SELinux as well.
		if options := strings.Split(fields[5], ","); point == "/usr" && (!slices.Contains(options, "ro") || !slices.Contains(options, "nosuid")) {
			t.Errorf("%s is mounted %s", point, fields[5])
		}
	}
}

func checkNamespaces(t *testing.T, n *Node) {
	t.Helper()
	for _, kind := range []string{"mnt", "pid", "net", "uts", "ipc", "cgroup"} {
		ours, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range append(children(n.PID()), n.PID()) {
			theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if ours == theirs {
				t.Errorf("process %d is in the host's %s namespace", pid, kind)
			}
		}
	}
}

// hostSettings reads the kernel settings that a kubelet wants changed.
func hostSettings(t *testing.T) string {
	var all []string
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "net/ipv4/ip_forward", "kernel/hostname"} {
		all = append(all, strings.TrimSpace(readFile(t, "/proc/sys/"+name)))
	}
	return strings.Join(all, " ")
}

func TestOrphansAreReaped(t *testing.T) {
	// The inner shells end before what they started, which becomes init's.
	n, _ := startMachine(t, testSpec("reaper", t.TempDir()), map[string]string{
		"parent": "for i in 1 2 3 4 5; do sh -c 'sleep 0.05 & sleep 0.05 &'; done; exec sleep 1000",
	})
	start(t, n, "parent")
	eventually(t, "init has one child", func() bool {
		all := children(n.PID())
		return len(all) == 1 && strings.HasPrefix(commandLine(all[0]), "sleep 1000")
	})
}

func TestCrashedProcessIsStartedAgain(t *testing.T) {
	n, events := startMachine(t, testSpec("crash", t.TempDir()), map[string]string{"victim": "exec sleep 1000"})
	start(t, n, "victim")
	first := awaitEvent(t, events, nodeinit.Running, "victim")
	if err := syscall.Kill(children(n.PID())[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := awaitEvent(t, events, nodeinit.Exited, "victim"); e.Message != "killed by killed" || e.PID != first.PID {
		t.Errorf("its end is told as %+v", e)
	}
	if second := awaitEvent(t, events, nodeinit.Running, "victim"); second.PID == first.PID {
		t.Error("it has the same process number as before")
	}
}

// Two roles of one process are stopped one by one: the other goes on in a new process.
func TestRolesShareAProcess(t *testing.T) {
	spec := testSpec("roles", t.TempDir())
	config, err := testConfig(spec, map[string]string{
		"red": "while read role; do echo $$ $role >> /var/log/kubarium/heard; done",
	})
	if err != nil {
		t.Fatal(err)
	}
	config.Processes[0].Roles = []string{"red", "blue"}
	n := bootMachine(t, spec, config)
	start(t, n, "red")
	start(t, n, "blue")
	before := n.Roles()
	if before["red"] == 0 || before["red"] != before["blue"] {
		t.Fatalf("the roles have processes %v, want the same", before)
	}
	eventually(t, "the process heard of both", func() bool { return heard(spec, before["red"]) == "red blue" })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.StopRole(ctx, "red"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other runs anew", func() bool { return n.Roles()["blue"] != before["blue"] && n.Roles()["blue"] != 0 })
	after := n.Roles()
	eventually(t, "the new process heard of the other alone", func() bool { return heard(spec, after["blue"]) == "blue" })
	if after["red"] != 0 {
		t.Error("the stopped role runs")
	}
	if err := n.StartRole(ctx, "red"); err != nil {
		t.Fatal(err)
	}
	if now := n.Roles(); now["red"] != after["blue"] {
		t.Errorf("the roles have processes %v, want the one that ran", now)
	}
}

// heard returns the roles that a process of the machine was told to have.
func heard(spec Spec, pid int) string {
	data, err := os.ReadFile(filepath.Join(spec.LogDir, "heard"))
	if err != nil {
		return err.Error()
	}
	var roles []string
	for _, line := range strings.Split(string(data), "\n") {
		if role, own := strings.CutPrefix(line, strconv.Itoa(pid)+" "); own {
			roles = append(roles, role)
		}
	}
	return strings.Join(roles, " ")
}

func TestUnknownRole(t *testing.T) {
	n, events := startMachine(t, testSpec("unknown", t.TempDir()), nil)
	if err := n.send(nodeinit.Command{Op: nodeinit.Start, Role: "pilot"}); err != nil {
		t.Fatal(err)
	}
	awaitEvent(t, events, nodeinit.Failed, "pilot")
}

func TestStopAsksProcessesToEnd(t *testing.T) {
	spec := testSpec("stop", t.TempDir())
	n, _ := startMachine(t, spec, map[string]string{
		"polite":   "trap 'echo goodbye > /var/log/kubarium/last; exit 0' TERM; echo > /var/log/kubarium/armed; while :; do sleep 0.01; done",
		"stubborn": "trap '' TERM; while :; do sleep 0.01; done",
	})
	start(t, n, "polite")
	start(t, n, "stubborn")
	eventually(t, "the trap is set", func() bool { _, err := os.Stat(filepath.Join(spec.LogDir, "armed")); return err == nil })
	if err := n.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, filepath.Join(spec.LogDir, "last")); got != "goodbye\n" {
		t.Errorf("the process' last words are %q", got)
	}
	checkGone(t, spec, n.PID())
}

func TestKillIsAPowerCut(t *testing.T) {
	spec := testSpec("kill", t.TempDir())
	n, _ := startMachine(t, spec, map[string]string{"tree": "sh -c 'sleep 1000 & exec sleep 1000' & trap '' TERM; sleep 1000 & wait"})
	start(t, n, "tree")
	eventually(t, "its processes run", func() bool { return len(processesOf(t, spec)) >= 5 })
	all := processesOf(t, spec)
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, spec, all...)
	if err := n.Kill(); err != nil {
		t.Errorf("killing a machine that is off: %v", err)
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Errorf("stopping a machine that is off: %v", err)
	}
	if err := n.StartRole(t.Context(), "tree"); err == nil {
		t.Error("a machine that is off takes commands")
	}
}

// When the program is killed its machines end, and the next run removes the rest.
func TestKilledParentTakesItsMachinesAlong(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(binDir, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent told no process number: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	spec := testSpec("orphan", dir)
	cluster := fmt.Sprintf("kubarium/test-%d", parent.Process.Pid)
	spec.CgroupParent = cluster + "/orphan"
	all := append(processesOf(t, spec), pid)
	if len(all) < 3 {
		t.Fatalf("the machine has processes %v, want init and the sleeper", all)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, "the machine is gone", func() bool { return alive(all) == 0 })
	if err := Sweep(cluster); err != nil {
		t.Fatal(err)
	}
	checkGone(t, spec, all...)
}

// Sweep ends what runs in the cgroups that a crash left behind.
func TestSweepEndsWhatRuns(t *testing.T) {
	cluster := testCgroup() + "-leftover"
	sleeper := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sleeper.Wait() }()
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	joined := false
	for _, h := range hierarchies {
		dir := filepath.Join(h.Mount, cluster, "node", "kubepods")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		// A new cpuset takes no process: it has no processors yet.
		err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(sleeper.Process.Pid)), 0)
		joined = joined || err == nil
		t.Logf("join %s: %v", dir, err)
	}
	if !joined {
		t.Fatal("the process is in none of the cgroups")
	}
	if err := Sweep(cluster); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v, want it killed", err)
	}
	checkGone(t, Spec{CgroupParent: cluster})
}

func TestBrokenMachineTellsWhy(t *testing.T) {
	spec := testSpec("broken", t.TempDir())
	config, err := testConfig(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	config.Binds = append(config.Binds, nodeinit.Bind{Source: "/nowhere/at/all", Target: "/mnt"})
	_, err = boot(t.Context(), spec, config, func(int) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("the error is %v, want one that names the missing directory", err)
	}
	checkGone(t, spec)
}

func TestUnpluggedMachineEnds(t *testing.T) {
	spec := testSpec("unplugged", t.TempDir())
	config, err := testConfig(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("no such socket")
	var pid int
	_, err = boot(t.Context(), spec, config, func(p int) error { pid = p; return refused })
	if !errors.Is(err, refused) {
		t.Errorf("the error is %v, want that of the network", err)
	}
	checkGone(t, spec, pid)
}

// checkGone sees that nothing is left: no process, no cgroup, no mount.
func checkGone(t *testing.T, spec Spec, pids ...int) {
	t.Helper()
	if n := alive(pids); n > 0 {
		t.Errorf("%d of its processes run", n)
	}
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hierarchies {
		if _, err := os.Stat(filepath.Join(h.Mount, spec.CgroupParent)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("cgroup %s is left in %s", spec.CgroupParent, h.Mount)
		}
	}
	if spec.RunDir != "" && strings.Contains(readFile(t, "/proc/self/mountinfo"), spec.RunDir) {
		t.Error("a mount is left")
	}
}

// processesOf lists the machine's processes, by their numbers on the host.
func processesOf(t *testing.T, spec Spec) []int {
	t.Helper()
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := below(filepath.Join(hierarchies[0].Mount, spec.CgroupParent))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, dir := range dirs {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func alive(pids []int) int {
	n := 0
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			n++
		}
	}
	return n
}

// children lists the processes whose parent is pid, zombies among them.
func children(pid int) []int {
	var all []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}

func commandLine(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(data), "\x00", " ")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestMachineIsInProcWhileItBoots proves that who connects a machine to the network always
// finds it, while its first process runs itself anew.
func TestMachineIsInProcWhileItBoots(t *testing.T) {
	for i := range 20 {
		spec := testSpec(fmt.Sprintf("node-%d", i+1), t.TempDir())
		config, err := testConfig(spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := boot(t.Context(), spec, config, func(pid int) error {
			for range 20_000 {
				ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
				if err != nil {
					return err
				}
				ns.Close()
			}
			return nil
		})
		if err != nil {
			t.Fatalf("boot %d: %v", i+1, err)
		}
		if err := errors.Join(n.Kill(), Sweep(testCgroup())); err != nil {
			t.Fatal(err)
		}
	}
}
