package ui

import (
	"context"
	"testing"
	"time"

	"github.com/creack/pty"
)

func TestTheTerminalGoes(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		onHangup(ctx, slave, func() { t.Error("a terminal that is there has gone") })
		close(left)
	}()
	cancel()
	wait(t, left)

	gone := make(chan struct{})
	go onHangup(t.Context(), slave, func() { close(gone) })
	select {
	case <-gone:
		t.Fatal("told before it went")
	case <-time.After(100 * time.Millisecond): // it is looking by now, most likely
	}
	master.Close()
	wait(t, gone)

	late := make(chan struct{})
	go onHangup(t.Context(), slave, func() { close(late) })
	wait(t, late)
}

func wait(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("waited in vain")
	}
}
