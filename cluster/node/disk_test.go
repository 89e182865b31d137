package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubarium/cluster/node/nodeinit"
)

// fillUp writes to the disk until that is full, and what that program is told.
const fillUp = `cat /var/tmp/kept > /var/log/kubarium/kept 2>/dev/null || echo first > /var/log/kubarium/kept
dd if=/dev/zero of=/var/tmp/all bs=1M 2> /var/log/kubarium/told
stat --file-system --format=%T /var > /var/log/kubarium/kind
rm /var/tmp/all && echo kept > /var/tmp/kept && sync
touch /var/log/kubarium/done; exec sleep 1000`

// TestOwnDisk sees a disk that has an end, which keeps what is on it through a power cut, and
// takes nothing of the host but its file.
func TestOwnDisk(t *testing.T) {
	dir := t.TempDir()
	spec := testSpec("disk", dir)
	spec.DiskBytes = 64 << 20
	mounts := readFile(t, "/proc/self/mountinfo")
	for boot, want := range []string{"first", "kept", "kept"} {
		n, _ := startMachine(t, spec, map[string]string{"fill": fillUp})
		ready := filepath.Join(spec.LogDir, "done")
		start(t, n, "fill")
		eventually(t, "the disk was full", func() bool { _, err := os.Stat(ready); return err == nil })
		fact := func(name string) string { return strings.TrimSpace(readFile(t, filepath.Join(spec.LogDir, name))) }
		if told := fact("told"); !strings.Contains(told, "No space left on device") {
			t.Errorf("boot %d: who writes and writes is told %q", boot, told)
		}
		if kind := fact("kind"); !strings.HasPrefix(kind, "ext") {
			t.Errorf("boot %d: the disk's file system is %s", boot, kind)
		}
		if kept := fact("kept"); kept != want {
			t.Errorf("boot %d: the disk kept %q, want %q", boot, kept, want)
		}
		if boot == 1 {
			// A fault's, which a power cut has left.
			if err := os.WriteFile(n.Path("/var/"+nodeinit.FillFile), []byte("much"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if boot == 2 {
			if _, err := os.Stat(n.Path("/var/" + nodeinit.FillFile)); err == nil {
				t.Error("what filled the disk is there after the machine was started anew")
			}
		}
		if now := readFile(t, "/proc/self/mountinfo"); now != mounts {
			t.Errorf("the host's mounts changed:\n%s\nwere:\n%s", now, mounts)
		}
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(ready); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the device is free", func() bool { device, err := loopOf(spec.image()); return device == "" && err == nil })
	info, err := os.Stat(spec.image())
	if err != nil || info.Size() != spec.DiskBytes {
		t.Errorf("the disk's file: %v, %v", info, err)
	}
}
