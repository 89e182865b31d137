package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// headroom is what the container may still take when its memory is limited.
	headroom = 1 << 20
	// leastLimit is the least that is taken: the kernel counts a process' score in
	// thousands of pages.
	leastLimit = 16 << 20
	// oomLimit is how long the kernel may take to find out.
	oomLimit = 20 * time.Second
)

// exhaustContainer has a process of ours in the container's cgroup take all memory that
// the container may have. It takes it as a file in memory, which is charged to the
// cgroup and not to the process: the kernel looks for the largest process, and finds the
// container's own.
func exhaustContainer(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	c, err := findContainer(ctx, w, o.Target)
	if err != nil {
		return nil, err
	}
	process, err := unix.PidfdOpen(c.main, 0)
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", c.main, err)
	}
	defer unix.Close(process)
	spare, err := chooseVictim(c.main)
	if err != nil {
		return nil, err
	}
	limit, restore, err := limitMemory(c.memory)
	if err == nil {
		var hog *hog
		if hog, err = startHog(ctx, c.memory, limit); err == nil {
			err = awaitEnd(ctx, process)
			hog.end()
		}
	}
	if err != nil {
		return func(context.Context) error { return errors.Join(restore(), spare()) }, err
	}
	return nil, nil
}

// chooseVictim has the kernel end a process first, and returns what takes that back: it ends the
// one with the highest score, and a guaranteed pod's has a low one.
func chooseVictim(pid int) (spare func() error, err error) {
	name := fmt.Sprintf("/proc/%d/oom_score_adj", pid)
	had, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, []byte("1000"), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("choose process %d: %w", pid, err)
	}
	return func() error {
		// One that has ended is spared everything.
		if err := os.WriteFile(name, had, 0); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("spare process %d: %w", pid, err)
		}
		return nil
	}, nil
}

// limitMemory lowers the limit to little more than what is used, which saves the
// machine's memory, and returns it. The container's next life has a cgroup of its own: one that
// is gone needs no limit back.
func limitMemory(group string) (limit int64, restore func() error, err error) {
	restore = func() error { return nil }
	current, maximum := "memory.current", "memory.max"
	if _, err := os.Stat(filepath.Join(group, current)); err != nil {
		current, maximum = "memory.usage_in_bytes", "memory.limit_in_bytes"
	}
	used, err := os.ReadFile(filepath.Join(group, current))
	if err != nil {
		return 0, restore, fmt.Errorf("read memory of container: %w", err)
	}
	had, err := os.ReadFile(filepath.Join(group, maximum))
	if err != nil {
		return 0, restore, fmt.Errorf("read memory limit of container: %w", err)
	}
	if limit, err = strconv.ParseInt(strings.TrimSpace(string(used)), 10, 64); err != nil {
		return 0, restore, fmt.Errorf("read memory of container: %w", err)
	}
	limit = max(limit+headroom, leastLimit)
	// "max" is no number, and no limit.
	if own, err := strconv.ParseInt(strings.TrimSpace(string(had)), 10, 64); err == nil && own <= limit {
		return own, restore, nil
	}
	write := func(value string) error {
		if err := os.WriteFile(filepath.Join(group, maximum), []byte(value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("limit memory of container: %w", err)
		}
		return nil
	}
	return limit, func() error { return write(string(had)) }, write(strconv.FormatInt(limit, 10))
}

// hog is the process that takes memory.
type hog struct {
	cmd  *exec.Cmd
	file *os.File
}

// startHog starts a process, moves it into the cgroup, and lets it go.
func startHog(ctx context.Context, group string, size int64) (*hog, error) {
	fd, err := unix.MemfdCreate("hog", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make file in memory: %w", err)
	}
	h := &hog{file: os.NewFile(uintptr(fd), "hog")}
	h.cmd = exec.CommandContext(ctx, "/bin/sh", "-c", "read go && exec head -c "+strconv.FormatInt(size, 10)+" /dev/zero >&3")
	h.cmd.ExtraFiles = []*os.File{h.file}
	start, err := h.cmd.StdinPipe()
	if err == nil {
		err = h.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start process that takes memory: %w", err), h.file.Close())
	}
	// Where that is allowed, it is no candidate.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", h.cmd.Process.Pid), []byte("-1000"), 0)
	err = os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(h.cmd.Process.Pid)), 0)
	if err == nil {
		_, err = start.Write([]byte("go\n"))
	}
	if err != nil {
		h.end()
		return nil, fmt.Errorf("take memory of container: %w", err)
	}
	return h, nil
}

// end gives the memory back. The cgroup could not be removed with the process in it.
func (h *hog) end() {
	// It has ended already, or is ended now: neither is news.
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
	_ = h.file.Close()
}

// awaitEnd waits until the process ends.
func awaitEnd(ctx context.Context, pidfd int) error {
	deadline := time.Now().Add(oomLimit)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		// Poll tells of the end in the moment it happens; ctx is looked at between.
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 500)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("watch process: %w", err)
		}
	}
	return errors.New("the kernel did not kill the container's process: it chose another one, or had memory left")
}
