package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A while after its start the program has come to rest, and once more when it knows what
// the cluster has for it.
const (
	startTime  = 10 * time.Second
	settleTime = time.Minute
)

// There is no other way into a program whose main is upstream's.
func init() {
	for _, rest := range []time.Duration{startTime, settleTime} {
		time.AfterFunc(rest, func() {
			// A process that keeps its pages works as well.
			_ = mapProgramByPage()
		})
	}
}

// mapProgramByPage lets the process map only those pages of its own program that it
// needs, 10 MiB instead of 65: package kubarium/cluster/memory tells why.
func mapProgramByPage() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("list own mappings: %w", err)
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var start, end uintptr
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &start, &end, &mode); err != nil {
			continue
		}
		if !strings.HasSuffix(lines.Text(), " "+self) || strings.Contains(mode, "w") {
			continue
		}
		for _, advice := range []uintptr{unix.MADV_NOHUGEPAGE, unix.MADV_DONTNEED} {
			if _, _, errno := unix.Syscall(unix.SYS_MADVISE, start, end-start, advice); errno != 0 {
				return fmt.Errorf("map program by page: %w", errno)
			}
		}
	}
	return lines.Err()
}
