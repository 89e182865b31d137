package logs

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
)

// TestGlobalLinesGoToTheirComponent logs as upstream does, in the name of several
// components at once.
func TestGlobalLinesGoToTheirComponent(t *testing.T) {
	files := take(t)
	ctx := context.Background()
	As(ctx, "metrics-server", func(ctx context.Context) {
		klog.InfoS("Serving")
		klog.ErrorS(errors.New("kubelet away"), "Failed to scrape")
		done := make(chan struct{})
		// What a component begins is the component's, and so is what that begins.
		go func() {
			go func() {
				defer close(done)
				klog.FromContext(ctx).WithName("scraper").WithValues("node", "node-1").Info("Scraped")
			}()
		}()
		<-done
		As(ctx, "etcd", func(context.Context) { klog.Warning("Compacted") })
	})
	klog.Infof("Nobody's, %d", 1)

	for component, lines := range map[string][]string{
		"metrics-server": {`] "Serving"`, `"Failed to scrape" err="kubelet away"`, `"Scraped" logger="scraper" node="node-1"`},
		"etcd":           {`"Compacted`},
		Program:          {`"Nobody's, 1`},
	} {
		text := read(t, files, component)
		for _, line := range lines {
			if !strings.Contains(text, line) {
				t.Errorf("the log of %s has no %s, but:\n%s", component, line, text)
			}
		}
		// The file that logs is named, not one of the package's own.
		if n := strings.Count(text, " logs_test.go:"); n != len(lines) || strings.Count(text, "\n") != n {
			t.Errorf("the log of %s has %d lines, want %d:\n%s", component, n, len(lines), text)
		}
	}
}

// TestFilesAreShared has our own code and upstream's write to one file, which must not be
// opened twice: it would be rotated twice.
func TestFilesAreShared(t *testing.T) {
	files := take(t)
	files.Logger("storage-provisioner").Info("ours", slog.String("volume", "a"))
	files.Upstream("storage-provisioner").Info("upstream's")
	if files.Writer("storage-provisioner") != files.Writer("storage-provisioner") {
		t.Error("the file of a component was opened twice")
	}
	text := read(t, files, "storage-provisioner")
	if !strings.Contains(text, "msg=ours volume=a\n") || !strings.Contains(text, `"upstream's"`) {
		t.Errorf("the log has:\n%s", text)
	}
}

// TestLogsRotate writes more than the files may have.
func TestLogsRotate(t *testing.T) {
	files := take(t)
	line := strings.Repeat("x", 1<<20)
	for range 90 {
		files.Upstream("etcd").Info(line)
	}
	var total int64
	deadline := time.Now().Add(time.Minute)
	for {
		found, err := filepath.Glob(strings.TrimSuffix(files.Path("etcd"), ".log") + "*")
		if err != nil {
			t.Fatal(err)
		}
		total = 0
		for _, path := range found {
			info, err := os.Stat(path)
			if err != nil {
				continue // it has just been removed
			}
			total += info.Size()
			if info.Size() > 20<<20 {
				t.Errorf("%s has %d bytes", path, info.Size())
			}
		}
		// Old ones are removed by a goroutine.
		if len(found) == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are %v", found)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if total < 40<<20 {
		t.Errorf("only %d bytes were kept", total)
	}
}

// TestEnvironIsTheUsers takes the program's own setting away, and none of the user's.
func TestEnvironIsTheUsers(t *testing.T) {
	for before, want := range map[string][]string{
		"":             {"PATH=/bin"},
		"http2debug=1": {"PATH=/bin", "GODEBUG=http2debug=1"},
		"a=1,b=2":      {"PATH=/bin", "GODEBUG=a=1,b=2"},
	} {
		t.Setenv("GODEBUG", before)
		take(t)
		take(t)
		if got := Environ([]string{"PATH=/bin", "GODEBUG=" + os.Getenv("GODEBUG")}); !slices.Equal(got, want) {
			t.Errorf("of GODEBUG=%s a user has %q", before, got)
		}
	}
}

func TestComponentIn(t *testing.T) {
	for line, want := range map[string]string{
		`goroutine 7 [running labels:{"component": "etcd"}]:`:                                      "etcd",
		`goroutine 7 [running, locked to thread labels:{"a": "b", "component": "etcd", "c": ""}]:`: "etcd",
		`goroutine 7 [running]:`:                                Program,
		`goroutine 7 [running labels:{"component": ""}]:`:       Program,
		`goroutine 7 [running labels:{"component": "../x"}]:`:   Program,
		`goroutine 7 [running labels:{"component": "cut off he`: Program,
		``: Program,
	} {
		if got := componentIn(line); got != want {
			t.Errorf("%s is of %q, want %q", line, got, want)
		}
	}
}

// FuzzComponentIn looks for traces that would have a log outside of its directory.
func FuzzComponentIn(f *testing.F) {
	f.Add(`goroutine 7 [running labels:{"component": "etcd"}]:`)
	f.Add(`goroutine 7 [running labels:{"component": "\"/etc/passwd"}]:`)
	f.Fuzz(func(t *testing.T, line string) {
		name := componentIn(line)
		if name == "" || strings.ContainsAny(name, `/\"`) {
			t.Errorf("%q is of %q", line, name)
		}
	})
}

// take sends the process' log to files of the test's.
func take(t *testing.T) *Files {
	t.Helper()
	files := In(t.TempDir())
	exit := klog.OsExit
	t.Cleanup(func() {
		klog.ClearLogger()
		klog.OsExit = exit
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := files.TakeGlobal(); err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, files *Files, component string) string {
	t.Helper()
	data, err := os.ReadFile(files.Path(component))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
