package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
)

// outsideAddr is the only address of the tests' host that is not loopback.
const outsideAddr = "203.0.113.1"

// TestMain runs the tests once more, in a network namespace that stands for
// the host: it has loopback and one address on a link.
func TestMain(m *testing.M) {
	const marker = "KUBARIUM_TEST_HOST"
	if os.Getenv(marker) == "" {
		os.Exit(reexec(marker))
	}
	// The processes that fuzz come from one which has made the host.
	if slices.Contains(os.Args, "-test.fuzzworker") {
		os.Exit(m.Run())
	}
	if err := makeHost(); err != nil {
		fmt.Fprintln(os.Stderr, "make the tests' host:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func reexec(marker string) int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The death signal is that of the thread that made the child.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "run tests in a namespace (needs root):", err)
		return 1
	}
	return 0
}

func makeHost() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "outside"
	outside := &netlink.Bridge{LinkAttrs: attrs}
	if err := netlink.LinkAdd(outside); err != nil {
		return err
	}
	for _, a := range []string{outsideAddr + "/24", "169.254.169.254/32"} {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(outside, addr); err != nil {
			return err
		}
	}
	return errors.Join(netlink.LinkSetUp(lo), netlink.LinkSetUp(outside))
}

// openLab opens a network that is closed, and has left nothing, at the end.
func openLab(t *testing.T, change ...func(*Config)) *Network {
	t.Helper()
	checkLeaks(t)
	config := Default()
	for _, c := range change {
		c(&config)
	}
	n, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

func checkLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	files := openFiles(t)
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
		if after := openFiles(t); after > files {
			t.Errorf("%d open files, %d before", after, files)
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range entries {
		// What the runtime opens once and keeps is no leak.
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:") && !strings.HasPrefix(target, "pipe:") {
			count++
		}
	}
	return count
}

// fakeNode is a process with a network namespace, which is all that the lab
// sees of a node.
type fakeNode struct {
	cmd *exec.Cmd
	ns  *os.File
	ip  netip.Addr
	// patience is how long a dial may take.
	patience time.Duration
}

func startNode(t *testing.T) *fakeNode {
	t.Helper()
	cmd := exec.Command("sleep", "infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{cmd: cmd, patience: 10 * time.Second}
	t.Cleanup(n.kill)
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	n.ns = ns
	t.Cleanup(func() { ns.Close() })
	return n
}

func (n *fakeNode) kill() {
	if n.cmd.ProcessState == nil {
		n.cmd.Process.Kill()
		n.cmd.Wait()
	}
}

// attachNode starts a node and plugs it in.
func attachNode(t *testing.T, lab *Network, name, ip string) *fakeNode {
	t.Helper()
	n := startNode(t)
	n.ip = netip.MustParseAddr(ip)
	if err := lab.AttachNode(n.cmd.Process.Pid, name, n.ip); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *fakeNode) dial(network, address string) (net.Conn, error) {
	var c net.Conn
	err := enter(n.ns, func() (err error) {
		c, err = (&net.Dialer{Timeout: n.patience}).Dial(network, address)
		return err
	})
	return c, err
}

func (n *fakeNode) listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var l net.Listener
	err := enter(n.ns, func() (err error) {
		l, err = net.Listen("tcp4", address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serveEcho answers each connection with what it said, once it said all of it.
func serveEcho(t *testing.T, l net.Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			data, err := io.ReadAll(c)
			if err == nil {
				_, _ = c.Write(append([]byte("echo "), data...))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// ask says something, ends its side, and returns all that is answered.
func ask(t *testing.T, c net.Conn, question string) string {
	t.Helper()
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, question); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// mustReach asks a server of serveEcho.
func mustReach(t *testing.T, c net.Conn, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if answer := ask(t, c, "hello"); answer != "echo hello" {
		t.Fatalf("answer %q", answer)
	}
}
