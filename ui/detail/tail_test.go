package detail

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTailFollowsAFileThatIsReplaced reads a log over its rotation.
func TestTailFollowsAFileThatIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "component.log")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := tail(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(r)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, not %q", lines.Text(), want)
		}
	}
	expect("one")
	write("two\n")
	expect("two")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("three\n")
	expect("three")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write("4\n")
	expect("4")
	cancel()
	if lines.Scan() {
		t.Fatalf("read %q after the end", lines.Text())
	}
}

func TestTailBeginsAtALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.log")
	var text []byte
	for len(text) < 2*tailFrom {
		text = append(text, "0123456789\n"...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := tail(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || line != "0123456789\n" {
		t.Fatalf("the first line is %q, %v", line, err)
	}
}

func TestTailOfNothing(t *testing.T) {
	if _, err := tail(context.Background(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Fatal("opened a file that is not there")
	}
}

// TestTailFollowsNoLink proves that a link in the log's directory leads nowhere else.
func TestTailFollowsNoLink(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(outside, []byte("root:*"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "kubelet.log")); err != nil {
		t.Fatal(err)
	}
	if log, err := tail(t.Context(), filepath.Join(dir, "kubelet.log")); err == nil {
		log.Close()
		t.Error("the link was followed")
	}
}
