package netpol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

// allocations knows a pod's address as soon as the network plugins gave it one. The API
// server learns it a second later, when the pod's containers run already: policies would
// come late for it.
type allocations struct {
	dir     string
	changed func()

	running sync.WaitGroup
	mu      sync.Mutex
	byFile  map[string]allocation
}

type allocation struct {
	namespace, name string
	ip              netip.Addr
	at              time.Time
}

// result is what of a cached result of the network plugins is needed.
type result struct {
	Args   [][2]string `json:"cniArgs"`
	Result struct {
		IPs []struct {
			Address string `json:"address"`
		} `json:"ips"`
	} `json:"result"`
}

// start watches the results until ctx ends; without them policies work, and come later.
func (a *allocations) start(ctx context.Context) {
	a.mu.Lock()
	a.byFile = map[string]allocation{}
	a.mu.Unlock()
	a.running.Go(func() {
		if err := a.watch(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Policies reach new pods a second late")
		}
	})
}

func (a *allocations) wait() { a.running.Wait() }

func (a *allocations) watch(ctx context.Context) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("make directory of network results: %w", err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch network results: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(a.dir); err != nil {
		return fmt.Errorf("watch network results: %w", err)
	}
	files, err := os.ReadDir(a.dir)
	if err != nil {
		return fmt.Errorf("list network results: %w", err)
	}
	for _, f := range files {
		a.read(ctx, filepath.Join(a.dir, f.Name()))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-watcher.Events:
			if !open {
				return errors.New("watch network results: ended")
			}
			a.read(ctx, event.Name)
		case err := <-watcher.Errors:
			klog.FromContext(ctx).Error(err, "Watching network results")
		}
	}
}

// read notes the file's content, or that it is gone. A file that is half written is read
// again when the rest is.
func (a *allocations) read(ctx context.Context, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			klog.FromContext(ctx).Error(err, "Reading network result")
		}
		a.mu.Lock()
		_, known := a.byFile[path]
		delete(a.byFile, path)
		a.mu.Unlock()
		// The pod's status counts again, and may have come before this.
		if known {
			a.changed()
		}
		return
	}
	info, err := os.Stat(path)
	found, ok := parseResult(data)
	if err != nil || !ok {
		return
	}
	found.at = info.ModTime()
	a.mu.Lock()
	before := a.byFile[path]
	a.byFile[path] = found
	a.mu.Unlock()
	if before != found {
		a.changed()
	}
}

func parseResult(data []byte) (allocation, bool) {
	var r result
	if err := json.Unmarshal(data, &r); err != nil || len(r.Result.IPs) == 0 {
		return allocation{}, false
	}
	prefix, err := netip.ParsePrefix(r.Result.IPs[0].Address)
	if err != nil {
		return allocation{}, false
	}
	found := allocation{ip: prefix.Addr()}
	for _, arg := range r.Args {
		switch arg[0] {
		case "K8S_POD_NAMESPACE":
			found.namespace = arg[1]
		case "K8S_POD_NAME":
			found.name = arg[1]
		}
	}
	return found, found.name != ""
}

// find returns the address that a pod was given last: a power cut leaves the results of
// before it.
func (a *allocations) find(namespace, name string) (netip.Addr, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var last allocation
	for _, one := range a.byFile {
		if one.namespace == namespace && one.name == name && one.at.After(last.at) {
			last = one
		}
	}
	return last.ip, last.ip.IsValid()
}
