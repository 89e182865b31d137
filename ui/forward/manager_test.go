package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/watch"
)

// somePods are pods that answer each line with their name.
type somePods struct {
	mu    sync.Mutex
	ready []string
	tells error // what is wrong with connections
	dials int
}

func (s *somePods) Find(_ context.Context, _ watch.Ref, port int, before Target) (Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found Target
	for _, p := range s.ready {
		if t := (Target{p, types.UID(p), port}); found.Pod == "" || t == before {
			found = t
		}
	}
	if found.Pod == "" {
		return found, errors.New("no ready pod")
	}
	return found, nil
}

func (s *somePods) Dial(_, pod string) (Tunnel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	return &pipe{pods: s, pod: pod, gone: make(chan bool)}, nil
}

func (s *somePods) set(tells error, ready ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, s.tells = ready, tells
}

type pipe struct {
	pods *somePods
	pod  string
	gone chan bool
}

func (p *pipe) Gone() <-chan bool { return p.gone }
func (p *pipe) Close() error      { return nil }

func (p *pipe) Open(port int) (Conn, error) {
	here, there := net.Pipe()
	p.pods.mu.Lock()
	defer p.pods.mu.Unlock()
	c := &pipeConn{Conn: here, tells: p.pods.tells}
	if c.tells != nil {
		return c, there.Close()
	}
	go func() {
		defer there.Close()
		for lines := bufio.NewScanner(there); lines.Scan(); {
			fmt.Fprintf(there, "%s:%d %s\n", p.pod, port, lines.Text())
		}
	}()
	return c, nil
}

type pipeConn struct {
	net.Conn
	tells error
}

// A pipe cannot be closed by halves: nothing more is read, either.
func (c *pipeConn) CloseWrite() error { return c.Close() }

func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}
func (c *pipeConn) End() error { _ = c.Close(); return c.tells }

// ask sends a line, and returns the answer; "" if there is none.
func ask(t *testing.T, address, line string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return ""
	}
	defer c.Close()
	_, _ = io.WriteString(c, line+"\n")
	answer, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

func TestAForwardFindsAnotherPod(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pods := &somePods{}
	pods.set(nil, "web-1", "web-2")
	m := New(ctx, pods)
	i, err := m.Start(Spec{To: watch.Ref{Kind: "Service", Namespace: "shop", Name: "web"}, Remote: 80})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(i.Address(), "127.0.0.1:") || i.Local == 0 {
		t.Errorf("it listens on %s", i.Address())
	}
	for range 3 {
		if got := ask(t, i.Address(), "hello"); got != "web-1:80 hello" {
			t.Fatalf("the answer is %q", got)
		}
	}
	if pods.dials != 1 {
		t.Errorf("%d tunnels for one pod", pods.dials)
	}
	until(t, "all is counted", func() bool {
		i = m.List()[0]
		return i.Open == 0 && i.Total == 3 && i.In == 18 && i.Out == 3*15
	})

	pods.set(nil, "web-2")
	if got := ask(t, i.Address(), "hello"); got != "web-2:80 hello" {
		t.Errorf("after the pod has gone the answer is %q", got)
	}

	pods.set(nil)
	if got := ask(t, i.Address(), "hello"); got != "" {
		t.Errorf("nobody is there, and says %q", got)
	}
	until(t, "the failure is told", func() bool { i = m.List()[0]; return i.State == Failing && i.Err == "no ready pod" })
	pods.set(errors.New("connection refused"), "web-3")
	ask(t, i.Address(), "hello")
	until(t, "what the pod says is told", func() bool { return m.List()[0].Err == "connection refused" })
	pods.set(nil, "web-3")
	if got := ask(t, i.Address(), "hello"); got != "web-3:80 hello" {
		t.Errorf("with a new pod the answer is %q", got)
	}
	until(t, "all is well again", func() bool { i = m.List()[0]; return i.State == Listening && i.Err == "" })

	cancel()
	m.Wait()
	if c, err := net.Dial("tcp", i.Address()); err == nil {
		c.Close()
		t.Error("the forward goes on after its manager has ended")
	}
}

func TestAnOldConnectionDoesNotHideAFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pods := &somePods{}
	pods.set(nil, "web-1")
	m := New(ctx, pods)
	i, err := m.Start(Spec{To: watch.Ref{Kind: "Service", Namespace: "shop", Name: "web"}, Remote: 80})
	if err != nil {
		t.Fatal(err)
	}
	old, err := net.Dial("tcp", i.Address())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(old, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := bufio.NewReader(old).ReadString('\n'); err != nil {
		t.Fatalf("the answer is %q: %v", got, err)
	}

	pods.set(nil)
	if got := ask(t, i.Address(), "hello"); got != "" {
		t.Errorf("nobody is there, and says %q", got)
	}
	until(t, "the failure is told", func() bool { return m.List()[0].State == Failing })
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the old connection has ended", func() bool { return m.List()[0].Open == 0 })
	if i = m.List()[0]; i.Err != "no ready pod" {
		t.Errorf("it is %v, with %q", i.State, i.Err)
	}
}

func TestStopAndGoOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pods := &somePods{}
	pods.set(nil, "web-1")
	m := New(ctx, pods)
	i, err := m.Start(Spec{To: watch.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}, Remote: 80})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Start(Spec{To: i.To, Local: i.Local, Remote: 80}); err == nil || !strings.Contains(err.Error(), "Choose another") {
		t.Errorf("a port twice: %v", err)
	}
	c, err := net.Dial("tcp", i.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "hello\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "web-1:80 hello\n" {
		t.Fatalf("%q %v", line, err)
	}
	if err := m.Stop(i.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	if m.List()[0].State != Stopped {
		t.Errorf("it is %s", m.List()[0].State)
	}
	for range 20 {
		if err := errors.Join(m.Again(i.ID), m.Stop(i.ID), m.Again(i.ID)); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, i.Address(), "hello"); got != "web-1:80 hello" {
			t.Fatalf("after it was stopped and went on the answer is %q", got)
		}
	}
	if err := m.Remove(i.ID); err != nil || len(m.List()) != 0 {
		t.Errorf("%v %v", err, m.List())
	}
	if err := m.Again(i.ID); !errors.Is(err, errGone) {
		t.Errorf("a removed one goes on: %v", err)
	}
}
