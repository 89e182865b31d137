package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// needRoot returns nil when the program is root's. Otherwise it says what root is
// needed for, and when somebody is there to answer, offers to begin again by sudo.
func needRoot(cmd *cobra.Command, what string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	reason := fmt.Sprintf("'%s' needs root: %s", cmd.CommandPath(), what)
	sudo, err := exec.LookPath("sudo")
	if err != nil || !stdoutIsTerminal() {
		return fmt.Errorf("%s; run it as root", reason)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s.\nStart it again with sudo? [Y/n] ", reason)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil || strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "n") {
		return fmt.Errorf("%s; run: sudo %s", reason, strings.Join(os.Args, " "))
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	err = syscall.Exec(sudo, append([]string{"sudo", self}, os.Args[1:]...), os.Environ())
	return fmt.Errorf("run sudo: %w", err)
}

// whyRoot is what the cluster does that only root may.
const whyRoot = "it makes namespaces, mounts and cgroups for the nodes"
