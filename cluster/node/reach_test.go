package node

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"kubarium/cluster/node/nodeinit"
)

// TestLinksLeadNowhere proves that who reaches into a machine from the host stays in it.
func TestLinksLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	if err := os.WriteFile(outside, []byte("the host's"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := testSpec("links", dir)
	socket := filepath.Join(dir, "host.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	n, events := startMachine(t, spec, map[string]string{
		"planter": "mkdir /etc/kubernetes; ln -s " + outside + " /etc/kubernetes/file; ln -s " + dir + " /etc/linked; ln -s " + outside + " /var/log/kubarium/planted; " +
			"ln -s " + socket + " /run/planted.sock",
	})
	start(t, n, "planter")
	awaitEvent(t, events, nodeinit.Exited, "planter")
	for _, path := range []string{"/etc/kubernetes/file", "/etc/linked/outside"} {
		if content, err := n.ReadFile(path); err == nil {
			t.Errorf("%s is %q", path, content)
		}
	}
	for _, path := range []string{"/run/planted.sock", "/etc/linked/host.sock", "/etc/hostname"} {
		if conn, err := n.Socket(path)(t.Context()); err == nil {
			conn.Close()
			t.Errorf("%s is %s", path, conn.RemoteAddr())
		}
	}
	if _, err := n.Socket("/run/none.sock")(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket that is not there: %v", err)
	}
	own, err := net.Listen("unix", n.Path("/run/own.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	conn, err := n.Socket("/run/own.sock")(t.Context())
	if err != nil {
		t.Errorf("the node's own socket: %v", err)
	} else {
		conn.Close()
	}
	if err := n.ReplaceFile("/etc/linked/outside", []byte("ours")); err == nil {
		t.Error("a file was replaced in a directory of the host's")
	}
	if err := n.ReplaceFile("/etc/kubernetes/file", []byte("ours")); err != nil {
		t.Errorf("replacing a link: %v", err)
	}
	if content, err := n.ReadFile("/etc/kubernetes/file"); err != nil || string(content) != "ours" {
		t.Errorf("the replaced file is %q: %v", content, err)
	}
	if got := readFile(t, outside); got != "the host's" {
		t.Errorf("the host's file is %q", got)
	}
}
