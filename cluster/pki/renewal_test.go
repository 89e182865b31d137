package pki

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFilesAreRenewed proves that a certificate's file is a new one before the old one
// ends, again and again, and that certificate and key are of one issue.
func TestFilesAreRenewed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		store.Lifetime = 90 * 24 * time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		path, err := store.KeepFile("admin", func() (KeyPair, error) { return store.Client("admin") })
		if err != nil {
			t.Fatal(err)
		}
		go store.Renew(ctx, func(name string, err error) {
			if name != "admin" || err != nil {
				t.Errorf("renewed %q: %v", name, err)
			}
		})
		seen := map[string]bool{}
		for range 200 {
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			pair, err := tls.LoadX509KeyPair(path, path)
			if err != nil {
				t.Fatal(err)
			}
			if rest := time.Until(pair.Leaf.NotAfter); rest < store.Lifetime/4 {
				t.Fatalf("%s of the certificate's life are left", rest)
			}
			seen[pair.Leaf.SerialNumber.String()] = true
		}
		if len(seen) < 3 || len(seen) > 5 {
			t.Errorf("%d certificates in 200 days", len(seen))
		}
		cancel()
		synctest.Wait()
	})
	if info, err := os.Stat(filepath.Join(dir, "admin.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the certificate's file: %v, %v", info, err)
	}
}

// TestFailedRenewalIsTriedAgain proves that a disk that is full for a while costs nobody
// their access, and that what was forgotten is left alone.
func TestFailedRenewalIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		store.Lifetime = 24 * time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		full := errors.New("no space left")
		var tries, failures, others atomic.Int32
		store.Keep("admin", func() error {
			if tries.Add(1) <= 2 {
				return full
			}
			return nil
		})
		store.Keep("node-1", func() error { others.Add(1); return nil })
		store.Forget("node-1")
		go store.Renew(ctx, func(_ string, err error) {
			if errors.Is(err, full) {
				failures.Add(1)
			}
		})
		time.Sleep(20 * time.Hour)
		synctest.Wait()
		if tries.Load() != 3 || failures.Load() != 2 || others.Load() != 0 {
			t.Errorf("%d tries, %d failures, %d of what was forgotten", tries.Load(), failures.Load(), others.Load())
		}
		cancel()
		synctest.Wait()
	})
}

// TestRenewalNoticesThatTheMachineSlept has the calendar go on while timers stand still, as in a
// machine that sleeps: what became due is renewed within a minute after it woke.
func TestRenewalNoticesThatTheMachineSlept(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var renewed atomic.Int32
		store.Keep("admin", func() error { renewed.Add(1); return nil })
		go store.Renew(ctx, func(string, error) {})
		synctest.Wait()
		// There is no calendar of its own to set here: that it is later for all is the same as
		// that this is due sooner.
		store.renewals.mu.Lock()
		store.renewals.kept["admin"].due = time.Now().Round(0)
		store.renewals.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if renewed.Load() != 1 {
			t.Errorf("renewed %d times in the minute after the machine woke", renewed.Load())
		}
		cancel()
		synctest.Wait()
	})
}
