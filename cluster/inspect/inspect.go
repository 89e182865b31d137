// Package inspect tells what is really there inside of a node: what Linux knows of a
// container, what containerd has, the packet rules of a Service, and the way of a packet.
// All of it is read where it is, when it is asked for.
package inspect

import (
	"time"
)

// Node is what containerd has on a node, and how the kubelet used it.
type Node struct {
	Name       string      `json:"name"`
	Version    string      `json:"containerdVersion"`
	Images     []Image     `json:"images"`
	Containers []Resource  `json:"containers"`
	Tasks      []Task      `json:"tasks"`
	Snapshots  []Snapshot  `json:"snapshots"`
	Leases     []Lease     `json:"leases"`
	Calls      []CallCount `json:"calls,omitempty"`
}

// Image is one name of an image.
type Image struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Size is that of its packed layers.
	Size int64 `json:"size"`
}

// Resource is a container as containerd knows it: what could run. A pod's sandbox is one.
type Resource struct {
	ID string `json:"id"`
	// Kind is sandbox or container.
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	Container string    `json:"container,omitempty"`
	Image     string    `json:"image"`
	Snapshot  string    `json:"snapshot"`
	Runtime   string    `json:"runtime"`
	Created   time.Time `json:"created"`
}

// Task is what runs of a container.
type Task struct {
	ID string `json:"id"`
	// PID is as the node sees it.
	PID    uint32 `json:"pid"`
	Status string `json:"status"`
}

// Snapshot is a layer of a file system.
type Snapshot struct {
	Key    string `json:"key"`
	Parent string `json:"parent,omitempty"`
	// Kind is Committed for a layer of an image, Active for what a container writes to.
	Kind string `json:"kind"`
	Size int64  `json:"size"`
}

// Lease keeps resources from being collected as garbage.
type Lease struct {
	ID        string    `json:"id"`
	Created   time.Time `json:"created"`
	Resources []string  `json:"resources,omitempty"`
}

// CallCount is how often the kubelet made one call to containerd.
type CallCount struct {
	Method  string        `json:"method"`
	Count   uint64        `json:"count"`
	Failed  uint64        `json:"failed"`
	Mean    time.Duration `json:"mean"`
	Longest time.Duration `json:"longest"`
	Last    time.Time     `json:"last"`
}

// Container is a container on its node, from both sides: Kubernetes' and Linux'.
type Container struct {
	Node      string `json:"node"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Name      string `json:"name"`
	ID        string `json:"id"`
	Sandbox   string `json:"sandbox"`
	Image     string `json:"image"`
	Snapshot  string `json:"snapshot"`
	Runtime   string `json:"runtime"`
	Status    string `json:"status"`
	Linux     Linux  `json:"linux"`
}

// Linux is what the kernel knows of a container, by its first process.
type Linux struct {
	Processes    []Process    `json:"processes"`
	Namespaces   []Namespace  `json:"namespaces"`
	CgroupMode   string       `json:"cgroupMode"`
	Cgroups      []Cgroup     `json:"cgroups"`
	Mounts       []Mount      `json:"mounts"`
	Layers       Layers       `json:"layers"`
	Capabilities Capabilities `json:"capabilities"`
	// Seccomp is disabled, strict or filter; Filters is how many filters there are.
	Seccomp    string `json:"seccomp"`
	Filters    int    `json:"seccompFilters"`
	NoNewPrivs bool   `json:"noNewPrivileges"`
	UID        string `json:"uid"`
	GID        string `json:"gid"`
	OOMScore   int    `json:"oomScoreAdj"`
}

// Process has a number in each PID namespace that it is in.
type Process struct {
	Host    int    `json:"hostPID"`
	Node    int    `json:"nodePID"`
	Inside  int    `json:"pid"`
	Command string `json:"command"`
	State   string `json:"state"`
}

// Namespace is one that the container is in.
type Namespace struct {
	Kind  string `json:"kind"`
	Inode uint32 `json:"inode"`
	// Shared is with whom: the pod's sandbox, the node, this machine.
	Shared []string `json:"sharedWith,omitempty"`
}

// Cgroup is the container's group of one controller, with the files that say most.
type Cgroup struct {
	Controller string  `json:"controller"`
	Path       string  `json:"path"`
	Files      []Entry `json:"files"`
}

// Entry is a file and what is in it.
type Entry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Mount is a mount in the container.
type Mount struct {
	Target  string `json:"target"`
	Type    string `json:"type"`
	Source  string `json:"source"`
	Root    string `json:"root"`
	Options string `json:"options"`
}

// Layers are what the root file system is made of; lower ones belong to the image.
type Layers struct {
	Type  string   `json:"type"`
	Lower []string `json:"lower,omitempty"`
	Upper string   `json:"upper,omitempty"`
}

// Capabilities are the parts of root's power, by name.
type Capabilities struct {
	Effective   []string `json:"effective"`
	Permitted   []string `json:"permitted"`
	Inheritable []string `json:"inheritable"`
	Bounding    []string `json:"bounding"`
	Ambient     []string `json:"ambient"`
}

// Path is the way of the first packet of a TCP connection, and of the answer, as it was.
type Path struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Protocol is tcp or udp.
	Protocol string `json:"protocol"`
	// Source and Target are the addresses that the sender knows.
	Source    string        `json:"source"`
	Target    string        `json:"target"`
	Connected bool          `json:"connected"`
	Error     string        `json:"error,omitempty"`
	Took      time.Duration `json:"took"`
	There     []Hop         `json:"there"`
	Back      []Hop         `json:"back"`
	// Tracked is what the sender's node remembers of the connection.
	Tracked *Connection `json:"tracked,omitempty"`
	// Unseen is what could not be found out.
	Unseen []string `json:"unseen,omitempty"`
}

// Outcome says in a word what came of the packet: UDP knows no connections.
func (way Path) Outcome() string {
	outcome := "connected"
	if way.Protocol == "udp" {
		outcome = "answered"
	}
	if !way.Connected {
		outcome = "not " + outcome
	}
	return outcome
}

// Hop is where a packet was seen, with the addresses that it had.
type Hop struct {
	Where string `json:"where"`
	// Link is the interface; "" is where a program of a machine sent it.
	Link string `json:"link"`
	// Out is whether it left there.
	Out   bool          `json:"out"`
	From  string        `json:"from"`
	To    string        `json:"to"`
	After time.Duration `json:"after"`
	// Changes are the addresses that differ from those at the hop before.
	Changes []string `json:"changes,omitempty"`
	// Rules are those that it met on this machine.
	Rules []Met `json:"rules,omitempty"`
}

// Interface is the interface, or who is in its place.
func (hop Hop) Interface() string {
	if hop.Link == "" {
		return "a program"
	}
	return hop.Link
}

// Met is a packet rule that a packet met.
type Met struct {
	Table   string `json:"table"`
	Chain   string `json:"chain"`
	Handle  uint64 `json:"handle"`
	Rule    string `json:"rule"`
	Verdict string `json:"verdict"`
}
