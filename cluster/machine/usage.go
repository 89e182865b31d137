// Package machine tells what the machine under a cluster has, what the cgroups that a program
// was started in leave of it, and what a program uses.
package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Usage is what a program costs the machine at one moment.
type Usage struct {
	// CPU is the processor time used so far by all processes, in seconds.
	CPU time.Duration
	// PSS is the memory of all processes, in bytes; what several share counts once.
	PSS int64
	// Files is the part of it that is of mapped files, such as code and etcd's data: the kernel
	// takes it back when something else needs the room.
	Files int64
	// Processes is how many there are.
	Processes int
}

// clockTicks is the kernel's USER_HZ, which is 100 on all that Go runs on.
const clockTicks = 100

// MeasureUsage adds up the process root and all that descend from it: the control
// plane, the nodes, and every container.
func MeasureUsage(root int) (Usage, error) {
	children, err := processTree()
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		queue = append(queue, children[pid]...)
		// A process may end between the listing and the look at it.
		u.CPU += processTime(pid)
		pss, files := processPSS(pid)
		u.PSS += pss
		u.Files += files
		u.Processes++
	}
	return u, nil
}

func processTree() (map[int][]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if fields := statFields(pid); len(fields) > 1 {
			if parent, err := strconv.Atoi(fields[1]); err == nil {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	return children, nil
}

// statFields returns the fields of /proc/PID/stat from the third on.
func statFields(pid int) []string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return parseStat(data)
}

// processTime is a process's own time and that of its ended children.
func processTime(pid int) time.Duration {
	fields := statFields(pid)
	if len(fields) < 15 {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks
}

func processPSS(pid int) (pss, files int64) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, 0
	}
	pss, _ = kibibytes(data, "Pss:")
	files, _ = kibibytes(data, "Pss_File:")
	return pss, files
}
