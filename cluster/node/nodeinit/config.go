// Package nodeinit is the first process of a node: it turns fresh namespaces into
// something that looks like a machine of its own, starts the node's processes, and
// reaps what they leave behind.
//
// It is a program of its own and small, since it runs once for each node and only
// waits: see cmd. The types here are what its parent tells it.
package nodeinit

import "io/fs"

// Config describes the machine. It is read as JSON from ConfigFD.
type Config struct {
	Hostname    string
	MachineID   string
	ProductUUID string
	// Root is an empty directory of the host; the node's root file system is
	// mounted there, in the node's mount namespace only.
	Root string
	// Var is the host's directory that becomes /var: the node's disk.
	Var string
	// Device, unless it is "", is a block device of the host with a file system for /var
	// instead: a disk of the node's own, with an end.
	Device string
	// Cgroup is the node's cgroup below the root of each hierarchy:
	// "kubarium/NAME/node-1".
	Cgroup string
	// Binds are further mounts from the host.
	Binds []Bind
	// Files are written into the node's own /etc and such.
	Files []File
	// Processes run when the parent says so.
	Processes []Process
}

// DiskFS is the file system of disks of a node's own, and FillFile the file in their /var
// that fills them up, when a fault does.
const (
	DiskFS   = "ext4"
	FillFile = "tmp/fills-the-disk"
)

// Bind mounts Source, a path of the host, at Target, a path of the node.
type Bind struct {
	Source, Target string
	// ReadOnly is whether nothing in the node can write to it, not even through another mount.
	ReadOnly bool
}

// File is written before any process starts.
type File struct {
	Path    string
	Content []byte
	Mode    fs.FileMode
}

// Process is a program that the node runs while any of its roles is wanted. It learns
// its roles from its standard input: a line with the name of each that is to begin. A
// role ends only with the process, which then starts anew with the others; so several
// daemons can share a process and its memory, and still be started and stopped alone.
type Process struct {
	Path string
	Args []string
	Env  []string
	// Log takes what the process writes to its standard output and error.
	Log   string
	Roles []string
}

// Descriptors that the parent hands over.
const (
	// CommandFD carries a Command a line from the parent; when it ends the node halts.
	CommandFD = 3
	// EventFD carries an Event a line to the parent.
	EventFD = 4
	// ConfigFD holds the Config, with keys in it: a file in memory, never on disk.
	ConfigFD = 5
)

// Command tells the node to do something.
type Command struct {
	// Op is one of Start, Stop, Halt.
	Op string `json:"op"`
	// Role is what to start or stop.
	Role string `json:"role,omitempty"`
}

// What a Command can ask for.
const (
	Start = "start"
	Stop  = "stop"
	Halt  = "halt"
)

// Event tells what happened in the node.
type Event struct {
	// Kind is one of Up, Running, Exited, Failed.
	Kind string `json:"kind"`
	// Role is whom it happened to; "" is the node itself.
	Role string `json:"role,omitempty"`
	// PID is the number of the process in the node.
	PID int `json:"pid,omitempty"`
	// Message says how the process ended, or why the node can't come up.
	Message string `json:"message,omitempty"`
}

// Kinds of Event.
const (
	// Up: the machine is made, and takes commands.
	Up = "up"
	// Running: a role was started, and is not ready yet.
	Running = "running"
	// Exited: a role ended; it is started again unless it was stopped.
	Exited = "exited"
	// Failed: the machine could not be made, and ends; or there is no such role.
	Failed = "failed"
)
