package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/pkg/cap"
)

// capabilities are what root needs to make nodes and to run a kubelet, and what pods' containers
// have by default: nobody gives what they have not.
func capabilities() []string {
	return []string{
		"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYSLOG",
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
	}
}

// CheckCapabilities tells which of them this process lacks, as in most containers.
func CheckCapabilities() error {
	have, err := cap.Current()
	if err != nil {
		return fmt.Errorf("read own capabilities: %w", err)
	}
	missing := slices.DeleteFunc(capabilities(), func(name string) bool { return slices.Contains(have, name) })
	if len(missing) == 0 {
		return nil
	}
	short := strings.ReplaceAll(strings.Join(missing, ", "), "CAP_", "")
	return fmt.Errorf("nodes can't be made without the capabilities %s: give them to whatever this runs in, as 'docker run --privileged' does", short)
}
