package machine

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
)

// FuzzParseStat compares with the library that other packages of ours use; here it would be
// too slow, for all processes of the machine.
func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (kubarium) S 1 7 7 0 -1 4194560 100 0 1 0 11 12 13 14 20 0 30 0 5 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 0\n"))
	f.Add([]byte("7 (a) R 9 (b) S 1 7 7 0 -1"))
	f.Add([]byte("7 ()"))
	f.Add([]byte(")"))
	f.Add([]byte(""))
	root := f.TempDir()
	file := filepath.Join(root, "7", "stat")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		f.Fatal(err)
	}
	proc, err := procfs.NewFS(root)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fields := parseStat(data)
		for _, field := range fields {
			if field == "" || strings.ContainsAny(field, " \n") {
				t.Errorf("%q has the field %q", data, field)
			}
		}
		// What only a library can read that stops at the first mistake is not compared.
		if !strings.HasPrefix(string(data), "7 (") || len(fields) < 45 || strings.ContainsAny(strings.TrimSuffix(string(data), "\n"), "\x00\n\r") {
			return
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		seven, err := proc.Proc(7)
		if err != nil {
			t.Fatal(err)
		}
		stat, err := seven.Stat()
		if err != nil {
			return
		}
		if parent, err := strconv.Atoi(fields[1]); err != nil || parent != stat.PPID {
			t.Errorf("%q has the parent %q, the library says %d", data, fields[1], stat.PPID)
		}
		if ticks, err := strconv.ParseUint(fields[11], 10, 64); err != nil || ticks != uint64(stat.UTime) {
			t.Errorf("%q has used %q, the library says %d", data, fields[11], stat.UTime)
		}
	})
}

// FuzzKibibytes looks for files of the kernel's that crash the program, or have it believe
// in less than nothing.
func FuzzKibibytes(f *testing.F) {
	f.Add([]byte("MemTotal:       24633424 kB\nMemAvailable:   22 kB\n"), "MemAvailable:")
	f.Add([]byte("Rss: 1 kB\nPss:\nPss: -1 kB\nPss: 9223372036854775807 kB\nPss: 12 kB"), "Pss:")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		n, ok := kibibytes(data, key)
		if n < 0 || n%1024 != 0 || !ok && n != 0 {
			t.Errorf("%q has %d, %t", data, n, ok)
		}
		if ok && !strings.Contains(string(data), strconv.FormatInt(n>>10, 10)) {
			// As long as it is written without needless zeros and signs.
			if !strings.ContainsAny(string(data), "0+") {
				t.Errorf("%q has no %d", data, n>>10)
			}
		}
	})
}

// FuzzParseGroups looks for lists of cgroups that the look for limits, which goes from each
// up to the topmost, would not come to an end with.
func FuzzParseGroups(f *testing.F) {
	f.Add([]byte("0::/user.slice/user-0.slice\n"))
	f.Add([]byte("12:pids:/a:b\n4:cpu,cpuacct:/\n1:name=systemd:/init.scope \n0::\n"))
	f.Add([]byte("0::/../../other\n:::\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for controller, group := range parseGroups(data) {
			if !strings.Contains(string(data), controller+":"+group) {
				t.Errorf("%q has no %s at %s", data, controller, group)
			}
			steps := 0
			for ; group != "/"; group = filepath.Dir(group) {
				if steps++; steps > len(data)+1 || !path.IsAbs(group) {
					t.Fatalf("%q leads to %q", data, group)
				}
			}
		}
	})
}

// FuzzParseNumber looks for limits that are less than none.
func FuzzParseNumber(f *testing.F) {
	for _, seed := range []string{"max\n", "9223372036854771712\n", "-1", "99999999999999999999", " 7 "} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := parseNumber(data); n < -1 {
			t.Errorf("%q is %d", data, n)
		}
	})
}

// TestKernelFiles reads those of the machine on which it runs.
func TestKernelFiles(t *testing.T) {
	total, free := Memory("MemTotal:", -1), Memory("MemAvailable:", -1)
	if free <= 0 || total < free {
		t.Errorf("%d bytes of %d are available", free, total)
	}
	if got := Memory("NoSuch:", 5); got != 5 {
		t.Errorf("what the kernel does not tell is %d", got)
	}
	usage, err := MeasureUsage(os.Getpid())
	if err != nil || usage.Processes < 1 || usage.PSS < 1<<20 || usage.CPU <= 0 {
		t.Errorf("this process uses %+v, %v", usage, err)
	}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	if groups := parseGroups(data); len(groups) != strings.Count(string(data), "\n") {
		t.Errorf("%v are not all of:\n%s", groups, data)
	}
}
