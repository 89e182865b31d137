// Package pages keeps the memory of bundled programs small. They are modules of their
// own, so that kubarium/cluster/memory, which does the same, is out of their reach.
package pages

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// A while after its start a program has come to rest, and once more when it knows what
// the cluster has for it.
const (
	startTime  = 10 * time.Second
	settleTime = time.Minute
)

// Settle has the program mapped page by page once it has come to rest.
func Settle() {
	for _, rest := range []time.Duration{startTime, settleTime} {
		time.AfterFunc(rest, func() {
			// A process that keeps its pages works as well.
			_ = mapProgram()
		})
	}
}

// mapProgram lets the process map only those pages of its own program that it needs. With
// large files in the page cache the kernel would otherwise map two megabytes wherever one
// byte is touched: all of the program, in the end.
func mapProgram() error {
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
		// What may be written to may have been, and is not the file's any more.
		if !strings.HasSuffix(lines.Text(), " "+self) || strings.Contains(mode, "w") {
			continue
		}
		for _, advice := range []uintptr{syscall.MADV_NOHUGEPAGE, syscall.MADV_DONTNEED} {
			if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, start, end-start, advice); errno != 0 {
				return fmt.Errorf("map program by page: %w", errno)
			}
		}
	}
	return lines.Err()
}
