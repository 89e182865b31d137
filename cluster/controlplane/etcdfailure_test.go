package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// storeOf starts etcd alone, writes to it, and stops it.
func storeOf(t *testing.T, change func(*Config)) (p *plane, dir string) {
	t.Helper()
	p = newPlaneWith(t, change)
	serveEtcd(t, p)
	for i := range 50 {
		if err := put(p, fmt.Sprintf("key-%d", i), "value"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Etcd.Stop(bounded(t)); err != nil {
		t.Fatal(err)
	}
	return p, filepath.Join(p.config.Dir, "etcd")
}

func put(p *plane, key, value string) error {
	client, err := p.Etcd.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Put(bounded(p.t), key, value)
	return err
}

// TestDamagedStoreIsTold proves that damaged files end neither the program nor in
// silence.
func TestDamagedStoreIsTold(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"database is nonsense": func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "member/snap/db"), 0, 1<<16) },
		"database is cut":      func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "member/snap/db"), 5000) },
		"database is empty":    func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "member/snap/db"), 1) },
		"log is nonsense":      func(t *testing.T, dir string) { overwrite(t, walOf(t, dir), 0, 4096) },
		"log is gone":          func(t *testing.T, dir string) { remove(t, walOf(t, dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			p, dir := storeOf(t, func(*Config) {})
			damage(t, dir)
			err := p.Etcd.Start(bounded(t))
			if err == nil || !strings.Contains(err.Error(), "kubarium reset") || !strings.Contains(err.Error(), dir) {
				t.Errorf("start on damaged files: %v", err)
			}
		})
	}
}

// TestNewerStoreIsNotDamaged proves that files of a newer etcd are told as such, each way in which
// etcd finds out, and that nobody is told to throw them away.
func TestNewerStoreIsNotDamaged(t *testing.T) {
	for name, stored := range map[string]struct {
		bucket     backend.Bucket
		key, value string
	}{
		"version of the cluster":       {schema.Cluster, string(schema.ClusterClusterVersionKeyName), "3.99.0"},
		"version of the files":         {schema.Meta, string(schema.MetaStorageVersionName), "3.99.0"},
		"another version of the files": {schema.Meta, string(schema.MetaStorageVersionName), "4.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			p, dir := storeOf(t, func(*Config) {})
			store := backend.NewDefaultBackend(zap.NewNop(), filepath.Join(dir, "member/snap/db"))
			write := store.BatchTx()
			write.Lock()
			write.UnsafePut(stored.bucket, []byte(stored.key), []byte(stored.value))
			write.Unlock()
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			err := p.Etcd.Start(bounded(t))
			if err == nil || !strings.Contains(err.Error(), "use the kubarium that ran the cluster last") || strings.Contains(err.Error(), "reset") {
				t.Errorf("start on files of a newer etcd: %v", err)
			}
		})
	}
}

// TestFailedStartIsTriedAgain proves that a start which failed in its middle, with some of the
// files open and locked, does not keep the next ones waiting: these tell the same, and with
// files that are whole again etcd has all that was written.
func TestFailedStartIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		peers  func(t *testing.T) []int
		failed int
	}{
		{"one member", func(*testing.T) []int { return nil }, 3},
		// Each failure takes as long as the others take to end without a quorum.
		{"three members", peerPorts, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, dir := storeOf(t, func(config *Config) { config.EtcdPeers = c.peers(t) })
			log := walOf(t, dir)
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, log, 0, 4096)
			for range c.failed {
				if err := startBounded(t, p); err == nil || !strings.Contains(err.Error(), "kubarium reset") {
					t.Fatalf("start on damaged files: %v", err)
				}
			}
			if err := os.WriteFile(log, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := startBounded(t, p); err != nil {
				t.Fatal(err)
			}
			client := etcdClient(t, p)
			if found, err := client.Get(bounded(t), "key-49"); err != nil || len(found.Kvs) != 1 {
				t.Errorf("after failed starts, what was written: %v, %v", found, err)
			}
		})
	}
}

// startBounded starts etcd, unless that waits for what never comes.
func startBounded(t *testing.T, p *plane) error {
	t.Helper()
	started := make(chan error, 1)
	go func() { started <- p.Etcd.Start(bounded(t)) }()
	select {
	case err := <-started:
		return err
	case <-bounded(t).Done():
		t.Fatal("etcd neither starts nor fails")
		return nil
	}
}

// TestTornLogIsMended proves that a write that a power cut tore in two is left out, and
// nothing else.
func TestTornLogIsMended(t *testing.T) {
	p, dir := storeOf(t, func(*Config) {})
	log := walOf(t, dir)
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	end := len(strings.TrimRight(string(data), "\x00"))
	cut(t, log, int64(end-3))
	client := etcdClient(t, p)
	found, err := client.Get(bounded(t), "key-40")
	if err != nil || len(found.Kvs) != 1 {
		t.Errorf("after the torn write an older one is gone: %v, %v", found, err)
	}
}

// TestTroubleOfTheMachineIsNotOfTheFiles proves that nobody is told to throw a cluster away
// for what is wrong with the machine.
func TestTroubleOfTheMachineIsNotOfTheFiles(t *testing.T) {
	for number, want := range map[syscall.Errno]string{
		unix.EMFILE: "ulimit -n", unix.ENFILE: "fs.file-max", unix.EACCES: "to whom they belong", unix.EPERM: "to whom they belong",
		unix.EROFS: "mount it for writing", unix.EIO: "dmesg", unix.ENOMEM: "end some programs", unix.ENOSPC: "free some space",
		unix.EADDRINUSE: "end the program that has it",
	} {
		for _, err := range []error{&os.PathError{Op: "open", Path: "db", Err: number}, fmt.Errorf("open db: %v", number)} {
			if got := explainStore(err).Error(); !strings.Contains(got, want) || strings.Contains(got, "reset") {
				t.Errorf("of %v: %s", err, got)
			}
		}
	}
	if got := explainStore(errors.New("crc mismatch")).Error(); !strings.Contains(got, "kubarium reset") {
		t.Errorf("of a damaged file: %s", got)
	}
}

// TestDiskWithoutInodesHasNoRoom proves that etcd waits for them, too.
func TestDiskWithoutInodesHasNoRoom(t *testing.T) {
	p := newPlane(t)
	dir := filepath.Join(p.config.Dir, "etcd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=1g,nr_inodes=50"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if enough, err := p.Etcd.hasRoom(); enough || err != nil {
		t.Errorf("a disk without inodes has room: %t, %v", enough, err)
	}
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT, "size=1g,nr_inodes=5000"); err != nil {
		t.Fatal(err)
	}
	if enough, err := p.Etcd.hasRoom(); !enough || err != nil {
		t.Errorf("a disk with inodes has no room: %t, %v", enough, err)
	}
}

// TestFullDiskFailsEtcdAlone fills the disk: the program goes on, and says what to do. With
// room again etcd goes on, and has all that was acknowledged.
func TestFullDiskFailsEtcdAlone(t *testing.T) {
	p := newPlane(t)
	dir := filepath.Join(p.config.Dir, "etcd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// Two segments of the log are allocated ahead.
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=230m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	serveEtcd(t, p)
	acknowledged := fillStore(t, p)
	if err := p.Etcd.Err(); err == nil || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("with a full disk etcd ends with: %v", err)
	}
	if enough, err := p.Etcd.hasRoom(); enough || err != nil {
		t.Errorf("a full disk has room: %t, %v", enough, err)
	}
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT, "size=2g"); err != nil {
		t.Fatal(err)
	}
	if err := p.Etcd.AwaitRoom(bounded(t)); err != nil {
		t.Fatal(err)
	}
	client := etcdClient(t, p)
	for _, key := range acknowledged {
		if found, err := client.Get(bounded(t), key); err != nil || len(found.Kvs) != 1 {
			t.Fatalf("%s was acknowledged before the disk was full: %v, %v", key, found, err)
		}
	}
	if err := put(p, "after", "value"); err != nil {
		t.Errorf("writing with room again: %v", err)
	}
	t.Logf("%d writes were acknowledged, and are there", len(acknowledged))
}

// fillStore writes until etcd has ended for it, and returns the keys that were acknowledged.
func fillStore(t *testing.T, p *plane) (acknowledged []string) {
	t.Helper()
	exited := p.Etcd.Exited()
	value := strings.Repeat("x", 1<<20)
	limit := bounded(t)
	for i := 0; ; i++ {
		select {
		case <-exited:
			return acknowledged
		case <-limit.Done():
			t.Fatal("the disk does not fill")
		case <-time.After(10 * time.Millisecond):
		}
		writing, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		if client, err := p.Etcd.Client(); err == nil {
			key := fmt.Sprintf("key-%d", i)
			if _, err := client.Put(writing, key, value); err == nil {
				acknowledged = append(acknowledged, key)
			}
			client.Close()
		}
		cancel()
	}
}

func walOf(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "member/wal/*.wal"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	return found[0]
}

func overwrite(t *testing.T, path string, at int64, n int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(strings.Repeat("\xa5", n)), at); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
