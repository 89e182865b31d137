package agent

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// recovering is a runtime that is not ready for its first calls.
type recovering struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	asked, until atomic.Int32
}

func (r *recovering) Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	if r.asked.Add(1) <= r.until.Load() {
		return nil, status.Error(codes.Unavailable, "server is not initialized yet")
	}
	return &runtimeapi.VersionResponse{}, nil
}

// TestKubeletWaitsForTheRuntime has containerd listen and not serve, as it does while it
// finds its containers again.
func TestKubeletWaitsForTheRuntime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "containerd.sock")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := waitForRuntime(ctx, path); err == nil {
		t.Error("the wait for a runtime that does not listen ends without an error")
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	runtime, server := &recovering{}, grpc.NewServer()
	runtimeapi.RegisterRuntimeServiceServer(server, runtime)
	go server.Serve(listener)
	defer server.Stop()

	runtime.until.Store(5)
	if err := waitForRuntime(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if asked := runtime.asked.Load(); asked != 6 {
		t.Errorf("it was asked %d times, and ready the sixth time", asked)
	}
	runtime.until.Store(1 << 30)
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := waitForRuntime(ctx, path); err == nil {
		t.Error("the wait for a runtime that never serves ends without an error")
	}
}
