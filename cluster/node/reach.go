package node

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"kubarium/cluster/unixsocket"
	"kubarium/cluster/wholefile"
)

// Path returns the path, as the host sees it, of a file in the node. Links lead from there into
// the host's files, and pods can plant some: what is read or written goes by OpenRoot, and what
// is connected to by Socket.
func (n *Node) Path(inside string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", n.PID()), inside)
}

// OpenRoot opens a directory of the node, which no link leads out of.
func (n *Node) OpenRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(n.Path("/"))
	if err != nil || dir == "/" {
		return root, err
	}
	defer root.Close()
	return root.OpenRoot(strings.TrimPrefix(dir, "/"))
}

// Socket connects to a unix socket of the node: to none of the host's, to which a link in its
// place leads.
func (n *Node) Socket(inside string) unixsocket.Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		root, err := n.OpenRoot(path.Dir(inside))
		if err != nil {
			return nil, err
		}
		defer root.Close()
		// This is the place itself, also where it is a link.
		place, err := root.OpenFile(path.Base(inside), unix.O_PATH|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, err
		}
		defer place.Close()
		info, err := place.Stat()
		if err != nil {
			return nil, err
		}
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("connect to %s of the node: no socket", inside)
		}
		return unixsocket.At(fmt.Sprintf("/proc/self/fd/%d", place.Fd()))(ctx)
	}
}

// ReadFile reads a file of the node.
func (n *Node) ReadFile(inside string) ([]byte, error) {
	root, err := n.OpenRoot(path.Dir(inside))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(path.Base(inside))
}

// ReplaceFile replaces a file of the node as a whole, and keeps the mode that it had.
func (n *Node) ReplaceFile(inside string, content []byte) error {
	root, err := n.OpenRoot(path.Dir(inside))
	if err != nil {
		return err
	}
	defer root.Close()
	mode := os.FileMode(0o600)
	if info, err := root.Lstat(path.Base(inside)); err == nil && info.Mode().IsRegular() {
		mode = info.Mode().Perm()
	}
	return wholefile.WriteIn(root, path.Base(inside), mode, content)
}
