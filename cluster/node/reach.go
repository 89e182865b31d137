package node

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"kubarium/cluster/wholefile"
)

// Path returns the path, as the host sees it, of a file in the node. Links lead from there into
// the host's files, and pods can plant some: what is read or written goes by OpenRoot.
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
