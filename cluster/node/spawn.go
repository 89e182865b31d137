package node

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"kubarium/cluster/logfile"
	"kubarium/cluster/node/nodeinit"
)

// InitProgram is the machine's first process, in Spec.BinDir.
const InitProgram = "kubarium-node-init"

// machine is a first process, and our ends of its pipes.
type machine struct {
	cmd              *exec.Cmd
	commands, events *os.File
}

// spawn starts a machine's first process in namespaces of its own. It dies with the
// thread that calls this.
func spawn(spec Spec, config nodeinit.Config) (_ *machine, err error) {
	var ours, theirs []*os.File
	defer func() {
		closeAll(theirs...)
		if err != nil {
			closeAll(ours...)
		}
	}()
	commandsRead, commands, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	ours, theirs = append(ours, commands), append(theirs, commandsRead)
	events, eventsWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	ours, theirs = append(ours, events), append(theirs, eventsWrite)
	file, err := inMemory(config)
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, file)
	logfile.Rotate(spec.initLog())
	log, err := logfile.Open(spec.initLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	theirs = append(theirs, log)

	cmd := exec.Command(filepath.Join(spec.BinDir, InitProgram))
	cmd.Env = []string{"PATH=" + nodePath}
	cmd.Stdout, cmd.Stderr = log, log
	// In the order of nodeinit's descriptors.
	cmd.ExtraFiles = []*os.File{commandsRead, eventsWrite, file}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		// A terminal's Ctrl-C is for the program, which halts its machines in order.
		Setsid: true,
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &machine{cmd: cmd, commands: commands, events: events}, nil
}

// inMemory writes the configuration, which has the node's keys in it, where nothing of
// it outlives the processes.
func inMemory(config nodeinit.Config) (*os.File, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	fd, err := unix.MemfdCreate("node", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make file in memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "configuration")
	if _, err := file.Write(data); err != nil {
		file.Close()
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return file, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
