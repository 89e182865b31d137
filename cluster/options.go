// Package cluster assembles a whole Kubernetes cluster on one machine: the control
// plane in this process, nodes as small machines made of namespaces, a network of
// its own, and an image registry. It is the only door for those who show or use the
// cluster.
package cluster

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/resource"

	"kubarium/cluster/addons"
	"kubarium/cluster/pki"
)

// Defaults of Options.
const (
	DefaultName    = "kubarium"
	DefaultDataDir = "/var/lib/kubarium"
	DefaultNodes   = 3
	// longestLifetime of certificates is that of the authorities that sign them.
	longestLifetime = 10 * 365 * 24 * time.Hour
	// MaxNodes is how many addresses the nodes' subnet has to give.
	MaxNodes = 200
	// MinDisk is the least that a node's own disk has, in bytes: its kubelet calls 500 MiB
	// that are left too little.
	MinDisk = 1 << 30
)

// Options say which cluster, and how it is to be.
type Options struct {
	// Name tells clusters apart.
	Name string
	// DataDir holds the state of all clusters.
	DataDir string
	// Nodes is how many nodes a new cluster has; an existing one keeps its own.
	Nodes int
	// EtcdMembers is how many members the etcd of a new cluster has, 1 (as 0) or 3; an
	// existing one keeps its own.
	EtcdMembers int
	// NodeDisk is how many bytes the disk of each node of a new cluster has; 0 gives them
	// directories of the host's instead, which share its disk.
	NodeDisk int64
	// NoTrace leaves out the taps that see inside the components: no trace, and so nobody
	// knows what can be undone.
	NoTrace bool
	// UnsafeNoFsync lets etcd skip fsync: what was acknowledged may be lost.
	UnsafeNoFsync bool
	// Disable names the add-ons that this run is to be without, see addons.Names.
	Disable []string
	// EncryptSecrets has Secrets encrypted in etcd from this start on.
	EncryptSecrets bool
	// CertificateLifetime is how long certificates are good; 0 is a year. They are issued
	// anew before they end.
	CertificateLifetime time.Duration
	// Version is the program's, for what asks over the control socket.
	Version string
}

// A unix socket's path may have 107 characters, and DIR/run/etcd.sock.peer must fit.
const maxDir = 107 - len("/run/etcd.sock.peer")

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

// CheckName refuses what can't be a cluster's name. It is part of paths that are removed.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("cluster name %q: use at most 40 of a-z, 0-9 and -, beginning and ending with a letter or digit", name)
	}
	return nil
}

// Complete fills in defaults, and refuses what can't work.
func (o *Options) Complete() error {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.DataDir == "" {
		o.DataDir = DefaultDataDir
	}
	if err := CheckName(o.Name); err != nil {
		return err
	}
	if o.Nodes < 1 || o.Nodes > MaxNodes {
		return fmt.Errorf("%d nodes: a cluster has 1 to %d nodes", o.Nodes, MaxNodes)
	}
	if o.NodeDisk != 0 && o.NodeDisk < MinDisk {
		return errSmallDisk(o.NodeDisk)
	}
	if o.EtcdMembers != 0 && o.EtcdMembers != 1 && o.EtcdMembers != 3 {
		return fmt.Errorf("%d members of etcd: use 1, or 3 to see it lose one and its quorum", o.EtcdMembers)
	}
	if life := o.CertificateLifetime; life != 0 && (life < pki.ShortestLifetime || life > longestLifetime) {
		return fmt.Errorf("certificates that are good for %s: use %s to %s", life, pki.ShortestLifetime, longestLifetime)
	}
	if err := addons.CheckNames(o.Disable); err != nil {
		return err
	}
	abs, err := filepath.Abs(o.DataDir)
	if err != nil {
		return fmt.Errorf("find data directory: %w", err)
	}
	o.DataDir = abs
	if dir := filepath.Join(o.DataDir, o.Name); len(dir) > maxDir {
		return fmt.Errorf("the path %s is too long for the sockets in it: choose a --data-dir of at most %d characters", dir, maxDir-1-len(o.Name))
	}
	return nil
}

func errSmallDisk(size int64) error {
	amount := func(size int64) string { return resource.NewQuantity(size, resource.BinarySI).String() }
	return fmt.Errorf("a node's disk of %s: it has to have %s, or more", amount(size), amount(MinDisk))
}

// has reports whether the cluster is to have the add-on.
func (o *Options) has(addon string) bool { return !slices.Contains(o.Disable, addon) }

// Layout is where a cluster keeps what.
type Layout struct{ Root string }

// LayoutOf returns the layout of the cluster called name.
func LayoutOf(dataDir, name string) Layout { return Layout{filepath.Join(dataDir, name)} }

// PKI is where certificates, keys and the components' kubeconfigs are.
func (l Layout) PKI() string { return filepath.Join(l.Root, "pki") }

// Run is where the sockets are.
func (l Layout) Run() string { return filepath.Join(l.Root, "run") }

// Logs is where each component's log is, and a directory for each node's.
func (l Layout) Logs() string { return filepath.Join(l.Root, "logs") }

// Bin is where the helper programs are unpacked.
func (l Layout) Bin() string { return filepath.Join(l.Root, "bin") }

// Images is where the registry keeps images.
func (l Layout) Images() string { return filepath.Join(l.Root, "images") }

// Nodes is where the nodes' disks are.
func (l Layout) Nodes() string { return filepath.Join(l.Root, "nodes") }

// Node is the disk of one node.
func (l Layout) Node(name string) string { return filepath.Join(l.Root, "nodes", name) }

// Kubeconfig is the administrator's, and the user's who started the cluster.
func (l Layout) Kubeconfig() string { return filepath.Join(l.Root, "kubeconfig") }

// Snapshots is where states are saved.
func (l Layout) Snapshots() string { return filepath.Join(l.Root, "snapshots") }

// Shell is where shells in the cluster's network find their start files.
func (l Layout) Shell() string { return filepath.Join(l.Root, "shell") }

// ControlSocket is where the running cluster takes commands.
func (l Layout) ControlSocket() string { return filepath.Join(l.Run(), "control.sock") }

// EtcdSocket is where etcd serves: it has no port.
func (l Layout) EtcdSocket() string { return filepath.Join(l.Run(), "etcd.sock") }

func (l Layout) egressSocket() string { return filepath.Join(l.Run(), "egress.sock") }
func (l Layout) state() string        { return filepath.Join(l.Root, "cluster.json") }
func (l Layout) lock() string         { return filepath.Join(l.Root, "lock") }

// cgroup is the parent of all the nodes' cgroups. The machine has one tree of them:
// the same name in another data directory is another cluster, and must not be swept.
func (l Layout) cgroup() string {
	sum := sha256.Sum256([]byte(l.Root))
	return fmt.Sprintf("kubarium/%s-%x", filepath.Base(l.Root), sum[:4])
}

// Make makes the directories; those that are there it leaves as they are.
func (l Layout) Make() error {
	// The directory may be passed through, so that the kubeconfig in it can belong to
	// the user; all in it that is secret is for root alone.
	if err := MakeDir(l.Root, 0o711); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}
	for _, dir := range []string{l.PKI(), l.Run(), l.Logs(), l.Bin(), l.Images(), l.Nodes()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make state directory: %w", err)
		}
	}
	return nil
}

// MakeDir makes a directory, and those above it that are missing, with just this mode; what is
// there stays as it is. The mask of modes that the program was started with does not count:
// root's is often one that would keep out the user for whom the directory is. The mask itself
// is not changed, as the user's programs that this one starts are to have it.
func MakeDir(path string, mode fs.FileMode) error {
	var missing []string
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, dir)
	}
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	for _, dir := range missing {
		if err := setMode(dir, mode); err != nil {
			return err
		}
	}
	return nil
}

// setMode changes the mode of a directory, and of nothing to which somebody has laid a link in
// its place.
func setMode(dir string, mode fs.FileMode) error {
	file, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(mode), file.Close())
}
