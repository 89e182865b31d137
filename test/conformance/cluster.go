package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// cluster is one of the program under test, of this run only.
type cluster struct {
	program, dir, kubeconfig string
	process                  *exec.Cmd
}

// startCluster starts a cluster of three nodes, and returns when it is ready.
func startCluster(ctx context.Context, program, out string) (*cluster, error) {
	dir, err := os.MkdirTemp("", "kubarium-conformance-")
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	c := &cluster{program: program, dir: dir}
	fmt.Println("starting a cluster in", dir)
	log, err := os.Create(filepath.Join(out, "cluster.log"))
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	// Not ended by the context: it ends in order, when the tests have.
	c.process = c.command(context.WithoutCancel(ctx), "up", "--output", "json")
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.process.Stderr = log
	stdout, err := c.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.process.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	defer context.AfterFunc(ctx, func() { _ = c.process.Process.Signal(syscall.SIGTERM) })()
	var info struct {
		Kubeconfig string `json:"kubeconfig"`
	}
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&info); err != nil {
		return nil, errors.Join(fmt.Errorf("the cluster did not get ready, see %s: %w", log.Name(), err), c.end())
	}
	c.kubeconfig = info.Kubeconfig
	return c, nil
}

func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.program, append(args, "--name", "conformance", "--data-dir", c.dir)...)
}

func (c *cluster) load(ctx context.Context, archive string) error {
	out, err := c.command(ctx, "image", "load", archive).CombinedOutput()
	if err != nil {
		return fmt.Errorf("load the images: %w\n%s", err, out)
	}
	return nil
}

// end stops the cluster and removes all of it.
func (c *cluster) end() error {
	var failures []error
	if err := c.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		failures = append(failures, err)
	}
	if err := c.process.Wait(); err != nil {
		failures = append(failures, fmt.Errorf("the cluster ended: %w", err))
	}
	if out, err := c.command(context.Background(), "clean", "--yes").CombinedOutput(); err != nil {
		failures = append(failures, fmt.Errorf("remove the cluster: %w\n%s", err, out))
	}
	return errors.Join(append(failures, os.RemoveAll(c.dir))...)
}
