package nodeinit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stageVariable tells the second run of the program from the first.
const stageVariable = "KUBARIUM_NODE_STAGE"

// haltGrace is how long processes have to end by themselves when the node halts.
const haltGrace = 1500 * time.Millisecond

// Main is the whole life of a node's first process. It returns when the node halts.
func Main(args []string) error {
	config, err := readConfig()
	if err != nil {
		return fmt.Errorf("read configuration: %w (kubarium starts this program; it is of no use by hand)", err)
	}
	events := json.NewEncoder(os.NewFile(EventFD, "events"))
	if os.Getenv(stageVariable) == "" {
		err = enterCgroup(config, args)
	} else {
		err = boot(config)
	}
	if err != nil {
		// The parent shows it; should it be gone, nobody is left to tell.
		_ = events.Encode(Event{Kind: Failed, Message: err.Error()})
		return err
	}
	s := newSupervisor(config.Processes, events)
	s.tell(Event{Kind: Up})
	s.run(commands())
	return nil
}

// readConfig opens the file anew, from its beginning: both runs of the program read it.
func readConfig() (Config, error) {
	var config Config
	data, err := os.ReadFile("/proc/self/fd/" + strconv.Itoa(ConfigFD))
	if err != nil {
		return config, err
	}
	return config, json.Unmarshal(data, &config)
}

// enterCgroup moves this process to the node's cgroup, makes that the root of a cgroup
// namespace, and runs the program anew. The namespace belongs to one thread only;
// after exec that thread is the whole process, and all its children inherit it.
func enterCgroup(config Config, args []string) error {
	if err := joinCgroup(config.Cgroup); err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make cgroup namespace: %w", err)
	}
	err := syscall.Exec("/proc/self/exe", args, append(os.Environ(), stageVariable+"=2"))
	return fmt.Errorf("run anew in the cgroup namespace: %w", err)
}

// boot makes the machine.
func boot(config Config) error {
	// The node's processes inherit none of these, nor what the program was started with.
	if err := unix.CloseRange(CommandFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("keep descriptors: %w", err)
	}
	if err := unix.Close(ConfigFD); err != nil {
		return fmt.Errorf("close configuration: %w", err)
	}
	// Whoever started the program may have a mask that keeps all others out; the files
	// of a machine are to be read by its containers' users.
	unix.Umask(0o022)
	if err := buildMachine(config); err != nil {
		return err
	}
	if err := makeLeaf(); err != nil {
		return err
	}
	return setUpNetwork()
}

// commands reads what the parent wants; the channel closes when the parent is gone
// or asks the node to halt.
func commands() <-chan Command {
	out := make(chan Command)
	go func() {
		defer close(out)
		lines := bufio.NewScanner(os.NewFile(CommandFD, "commands"))
		for lines.Scan() {
			var command Command
			if json.Unmarshal(lines.Bytes(), &command) != nil || command.Op == Halt {
				return
			}
			out <- command
		}
	}()
	return out
}

// notifySignals returns the signals that matter to the first process of a machine.
func notifySignals() <-chan os.Signal {
	signals := make(chan os.Signal, 32)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	return signals
}
