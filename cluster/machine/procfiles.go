package machine

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// parseStat returns the fields of /proc/PID/stat from the third on, see proc(5): the
// second, the name, may contain anything.
func parseStat(data []byte) []string {
	_, rest, found := strings.Cut(string(data[bytes.LastIndexByte(data, ')')+1:]), " ")
	if !found {
		return nil
	}
	return strings.Fields(rest)
}

// kibibytes finds a value in what /proc/meminfo and smaps_rollup have, in bytes.
func kibibytes(data []byte, key string) (bytes int64, ok bool) {
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != key || fields[2] != "kB" {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n >= 0 && n <= 1<<53 {
			return n << 10, true
		}
	}
	return 0, false
}

// parseGroups returns the paths of a process' cgroups by their controllers, of what
// /proc/PID/cgroup has; that of cgroup v2 has none.
func parseGroups(data []byte) map[string]string {
	groups := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		// The path may have colons in it, and spaces at its end.
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) == 3 && strings.HasPrefix(fields[2], "/") {
			groups[fields[1]] = fields[2]
		}
	}
	return groups
}

// parseNumber reads what a file with a number in it has; -1 if it has none.
func parseNumber(data []byte) int {
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// Number reads a file with a number in it; -1 if there is none.
func Number(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	return parseNumber(data)
}

// Memory is a value of /proc/meminfo, in bytes; other if it does not tell.
func Memory(key string, other int64) int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return other
	}
	if n, ok := kibibytes(data, key); ok {
		return n
	}
	return other
}
