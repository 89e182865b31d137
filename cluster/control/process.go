package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
)

// Process is what the process that runs the cluster holds, garbage left out.
type Process struct {
	Goroutines  int `json:"goroutines"`
	Descriptors int `json:"descriptors"`
	// Heap is what lives in it, in bytes.
	Heap uint64 `json:"heap_bytes"`
}

// Process asks what the cluster's process holds.
func (c *Client) Process(ctx context.Context) (Process, error) {
	var p Process
	return p, c.call(ctx, http.MethodGet, "/v1/process", nil, &p)
}

// Profile copies one of the process' profiles, by its name in runtime/pprof: as text
// if debug is not 0, else as go tool pprof reads it.
func (c *Client) Profile(ctx context.Context, name string, debug int, to io.Writer) error {
	response, err := c.do(ctx, http.MethodGet, fmt.Sprintf("/v1/profiles/%s?debug=%d", name, debug), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("there is no profile %q", name)
	}
	if _, err := io.Copy(to, response.Body); err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	return nil
}

// measureProcess looks at this process. Two collections: what has a finalizer goes
// with the second.
func measureProcess() (Process, error) {
	runtime.GC()
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return Process{}, fmt.Errorf("list descriptors: %w", err)
	}
	return Process{Goroutines: runtime.NumGoroutine(), Descriptors: len(descriptors), Heap: memory.HeapAlloc}, nil
}

func handleProcess(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/process", func(w http.ResponseWriter, _ *http.Request) {
		p, err := measureProcess()
		answer(w, p, err)
	})
	mux.HandleFunc("GET /v1/profiles/{name}", func(w http.ResponseWriter, r *http.Request) {
		profile := pprof.Lookup(r.PathValue("name"))
		if profile == nil {
			http.NotFound(w, r)
			return
		}
		level := 0
		if r.FormValue("debug") == "1" {
			level = 1
		}
		// The other side may be gone; then nobody misses the answer.
		_ = profile.WriteTo(w, level)
	})
}
