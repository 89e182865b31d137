package controlplane

import (
	"net"
	"testing"
)

// TestHealthPortIsTaken has somebody take the port between two starts.
func TestHealthPortIsTaken(t *testing.T) {
	e := &endpoint{}
	first, err := e.listen()
	if err != nil {
		t.Fatal(err)
	}
	address := e.url("")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := e.listen()
	if err != nil || e.url("") != address {
		t.Fatalf("%s, then %s: %v", address, e.url(""), err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	taker, err := net.Listen("tcp4", again.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer taker.Close()
	other, err := e.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if e.url("") == address {
		t.Error("two listen on one port")
	}
}
