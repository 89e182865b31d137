package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	utilversion "k8s.io/apimachinery/pkg/util/version"
	"k8s.io/component-base/version"

	"kubarium/cluster/network"
	"kubarium/cluster/wholefile"
)

// state is what a cluster remembers of itself between runs.
type state struct {
	// Version of this format.
	Version int `json:"version"`
	// Kubernetes is the version, without its patches, that ran the cluster last; "" if that was
	// before it was written down.
	Kubernetes string `json:"kubernetes,omitempty"`
	// Port of the API server, kept so that kubeconfigs stay right.
	Port int `json:"port,omitempty"`
	// Nodes by name.
	Nodes []nodeState `json:"nodes"`
	// NextNode is the number of the node that is added next.
	NextNode int `json:"nextNode"`
	// EtcdPeers are the ports by which etcd's members speak, which they remember, too; none
	// if there is one member.
	EtcdPeers []int `json:"etcdPeers,omitempty"`
	// Network has the cluster's addresses; without it, they are the usual ones.
	Network *network.Ranges `json:"network,omitempty"`
	// RewriteSecrets is set while Secrets are to be written anew, since their
	// encryption changed.
	RewriteSecrets bool `json:"rewriteSecrets,omitempty"`
}

type nodeState struct {
	Name string `json:"name"`
	// Index gives the node its address and its size.
	Index int `json:"index"`
	// MachineID is made once, as an installation does.
	MachineID string `json:"machineID"`
	// Disk is how many bytes the node's own disk has; 0 is a directory of the host's.
	Disk int64 `json:"disk,omitempty"`
	// Stopped nodes stay off when the cluster starts.
	Stopped bool `json:"stopped,omitempty"`
}

const stateVersion = 1

// ownKubernetes is the version that is in this program. Unlike the one that the linker sets it is
// there however the program was built.
const ownKubernetes = version.DefaultKubeBinaryVersion

// errNoState is returned when the cluster was never started.
var errNoState = errors.New("no such cluster")

func readState(path string) (state, error) {
	var s state
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, errNoState
	}
	if err != nil {
		return s, fmt.Errorf("read cluster state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read cluster state %s: %w; 'kubarium reset' starts over", path, err)
	}
	if s.Version != stateVersion {
		return s, fmt.Errorf("the cluster in %s was made by another version of kubarium (format %d, this one knows %d); use that version, or 'kubarium reset' to start over", filepath.Dir(path), s.Version, stateVersion)
	}
	if err := s.checkKubernetes(filepath.Dir(path)); err != nil {
		return s, err
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("read cluster state %s: %w; 'kubarium reset' starts over", path, err)
	}
	return s, nil
}

// checkKubernetes refuses what a newer Kubernetes stored: an older one takes fields and versions of
// objects that it does not know for none, and drops them when it writes.
func (s state) checkKubernetes(dir string) error {
	if s.Kubernetes == "" {
		return nil
	}
	ran, err := utilversion.ParseMajorMinor(s.Kubernetes)
	if err != nil {
		return fmt.Errorf("the cluster in %s was run by Kubernetes %q, and there is no such version; 'kubarium reset' starts over", dir, s.Kubernetes)
	}
	if ran.GreaterThan(utilversion.MustParseGeneric(ownKubernetes)) {
		return fmt.Errorf("the cluster in %s was run by Kubernetes %s, and this kubarium has %s: use a kubarium that has %s or later, or 'kubarium reset' to start over", dir, ran, ownKubernetes, ran)
	}
	return nil
}

// noteKubernetes writes down that this program's Kubernetes runs the cluster, as from then on it
// may store what an older one can't read.
func (c *Cluster) noteKubernetes() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Kubernetes == ownKubernetes {
		return nil
	}
	c.state.Kubernetes = ownKubernetes
	return c.state.write(c.layout.state())
}

// check refuses what no cluster wrote: names become paths, and numbers addresses.
func (s state) check() error {
	if s.Port < 0 || s.Port > 65535 {
		return fmt.Errorf("there is no port %d", s.Port)
	}
	if n := len(s.EtcdPeers); n != 0 && n != 3 || slices.ContainsFunc(s.EtcdPeers, func(port int) bool { return port < 1 || port > 65535 }) {
		return fmt.Errorf("etcd can't have the peers %v", s.EtcdPeers)
	}
	if s.Network != nil {
		if err := s.Network.Check(); err != nil {
			return err
		}
	}
	seen := make(map[int]bool, len(s.Nodes))
	for _, n := range s.Nodes {
		if n.Index < 1 || n.Index > MaxNodes || n.Name != nodeName(n.Index) || seen[n.Index] || n.Index >= s.NextNode {
			return fmt.Errorf("there can be no node %q, number %d", n.Name, n.Index)
		}
		if n.Disk != 0 && n.Disk < MinDisk {
			return fmt.Errorf("%s can't have a disk of %d bytes", n.Name, n.Disk)
		}
		seen[n.Index] = true
	}
	return nil
}

// write replaces the file as a whole, so that a crash leaves the old or the new.
func (s state) write(path string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode cluster state: %w", err)
	}
	if err := wholefile.Write(path, 0o600, append(data, '\n')); err != nil {
		return fmt.Errorf("write cluster state: %w", err)
	}
	return nil
}

// ErrRunning is returned when the cluster runs in another process.
var ErrRunning = errors.New("the cluster is running already")

// takeLock keeps a second process from the same cluster. The lock ends with the
// process, however it ends.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("take lock: %w", err)
	}
	return file, nil
}

// Running reports whether the cluster runs, in whatever process.
func (l Layout) Running() bool {
	if _, err := os.Stat(l.lock()); err != nil {
		return false
	}
	file, err := takeLock(l.lock())
	if err != nil {
		return errors.Is(err, ErrRunning)
	}
	file.Close()
	return false
}

// pickPort returns the port that the cluster had, if that is free, else any that is.
func pickPort(had int) (int, error) {
	for _, port := range []int{had, 0} {
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer listener.Close()
		return listener.Addr().(*net.TCPAddr).Port, nil
	}
	return 0, errors.New("no free port on 127.0.0.1 for the API server")
}

// portNote tells that the API server has another port than at the last start, "" if it has
// the same, or there was none.
func portNote(had, port int, kubeconfig string) string {
	if had == 0 || had == port {
		return ""
	}
	return fmt.Sprintf("127.0.0.1:%d is taken, so the API server has 127.0.0.1:%d from now on; %s says so, and copies of it have to be made again.", had, port, kubeconfig)
}

// pickPeerPorts returns free ports for that many of etcd's members; none for one.
func pickPeerPorts(members int) ([]int, error) {
	if members < 2 {
		return nil, nil
	}
	var ports []int
	for range members {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a port for etcd's peers: %w", err)
		}
		// Held until all are found, so that none is found twice.
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
