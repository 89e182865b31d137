package shell

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"kubarium/cluster"
)

// TestStartFilesAreForTheUser makes what a shell reads at its start where root's files are for
// root alone: the user, who is another, has to read them, and to find kubectl.
func TestStartFilesAreForTheUser(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := filepath.Join(t.TempDir(), "shell")
	o := Options{Dir: dir, Program: "/bin/true", User: cluster.Invoker{UID: 1000, Name: "learner"}}
	if _, _, err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		seen++
		want := fs.FileMode(0o644)
		if info.IsDir() || entry.Type()&fs.ModeSymlink != 0 {
			want = 0o755
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || seen != 6 {
		t.Errorf("%d files: %v", seen, err)
	}
}
