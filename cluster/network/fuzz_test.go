package network

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// FuzzConnect says to the API server's way into the lab whatever there is: it opens what
// somebody asked for, answers each in HTTP, and passes on what follows unchanged.
func FuzzConnect(f *testing.F) {
	for _, seed := range []string{
		"CONNECT 10.89.0.11:10250 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nhello",
		"CONNECT [::ffff:10.89.0.11]:80 HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT someone@10.89.0.11:80 HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT 10.89.0.11 HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT node-1:80 HTTP/1.0\r\n\r\n",
		"CONNECT /path HTTP/1.1\r\nHost: 10.89.0.11:80\r\n\r\n",
		"CONNECT 10.89.0.11:99999 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nCONNECT 10.89.0.11:1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"\x16\x03\x01", "",
	} {
		f.Add([]byte(seed))
	}
	lab := &heard{}
	socket := filepath.Join(f.TempDir(), "egress.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		f.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connect(context.Background(), lab.open, w, r)
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	f.Cleanup(func() { server.Close(); <-ended })
	f.Fuzz(func(t *testing.T, said []byte) {
		lab.forget()
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		// Who is refused may be hung up on before all is said.
		_, _ = conn.Write(said)
		_ = conn.(*net.UnixConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		target, passed := lab.what()
		for _, address := range target {
			// As it is written, or with the letters of a zone's name decoded.
			if err := checkLiteral(address); err != nil || !strings.Contains(string(said), address) && !strings.Contains(string(said), "%") {
				t.Errorf("%q opens %q: %v", said, address, err)
			}
		}
		if !bytes.HasSuffix(said, passed) {
			t.Errorf("%q passes on %q", said, passed)
		}
		if len(answer) == 0 {
			return
		}
		first, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
		if err != nil {
			t.Fatalf("%q is answered %q: %v", said, answer, err)
		}
		first.Body.Close()
		if first.StatusCode == http.StatusOK && len(target) == 0 {
			t.Errorf("%q is let through to nobody: %q", said, answer)
		}
	})
}

// heard is a lab in which everybody listens, and says nothing.
type heard struct {
	mu      sync.Mutex
	targets []string
	readers []chan []byte
}

func (h *heard) open(_ context.Context, _, address string) (net.Conn, error) {
	if err := checkLiteral(address); err != nil {
		return nil, err
	}
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	read := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(far)
		far.Close()
		read <- data
	}()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.targets = append(h.targets, address)
	h.readers = append(h.readers, read)
	return near, nil
}

func (h *heard) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.targets, h.readers = nil, nil
}

// what was opened since, and what the last one heard.
func (h *heard) what() (targets []string, passed []byte) {
	h.mu.Lock()
	targets, readers := h.targets, h.readers
	h.mu.Unlock()
	for _, read := range readers {
		passed = <-read
	}
	return targets, passed
}

// socketPair is a connection with both its ends.
func socketPair() (near, far net.Conn, err error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var made [2]net.Conn
	for i, fd := range ends {
		file := os.NewFile(uintptr(fd), "end")
		if made[i], err = net.FileConn(file); err != nil {
			return nil, nil, err
		}
		file.Close()
	}
	return made[0], made[1], nil
}
