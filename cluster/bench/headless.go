package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// startHeadless runs a cluster without the app; the channel closes when it has ended.
func startHeadless(self, dir string, flags ...string) (*exec.Cmd, chan struct{}, error) {
	cmd := exec.Command(self, append([]string{"up", "--name", name, "--data-dir", dir, "-o", "json"}, flags...)...)
	// Whatever becomes of the one who measures, the cluster ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the program: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	return cmd, exited, nil
}

// end stops the program, and waits until it has ended.
func end(cmd *exec.Cmd, exited <-chan struct{}) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the program: %w", err)
	}
	select {
	case <-exited:
		return nil
	case <-time.After(limit):
		return errors.Join(errors.New("the program does not end"), cmd.Process.Kill())
	}
}
