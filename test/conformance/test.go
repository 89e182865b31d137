package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const reportName = "report.json"

// test runs upstream's suite and tells what came of it. Its error says that the run
// did not end, or that tests failed.
func (s settings) test(ctx context.Context) error {
	report := filepath.Join(s.out, reportName)
	if err := os.Remove(report); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the report of the run before: %w", err)
	}
	log, err := os.Create(filepath.Join(s.out, "log.txt"))
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	fmt.Printf("running the tests, %d at a time; their log is %s\n", s.parallel, log.Name())
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, "ginkgo"), s.arguments()...)
	cmd.Stdout = &progress{log: log, begin: time.Now()}
	cmd.Stderr = log
	// Told once, and all of them, the tests clean up and the report is written; told
	// twice, by a terminal too, they would not.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Minute
	ran := cmd.Run()
	results, err := readReport(report)
	if err != nil {
		return fmt.Errorf("the tests did not run, see %s: %w", log.Name(), errors.Join(ran, err))
	}
	if s.list {
		results.list(os.Stdout)
		return nil
	}
	results.print(os.Stdout)
	if err := results.write(filepath.Join(s.out, "results.md"), s.version(ctx)); err != nil {
		return err
	}
	return results.verdict(ran)
}

// version is what the program under test says of itself, or why it does not.
func (s settings) version(ctx context.Context) string {
	said, err := exec.CommandContext(ctx, s.kubarium, "version").Output()
	if err != nil {
		return fmt.Sprintf("%s (%v)", s.kubarium, err)
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(said)), "\n"), ", ")
}

func (s settings) arguments() []string {
	args := []string{
		"--procs=" + strconv.Itoa(s.parallel), "--label-filter=" + s.labels, "--timeout=" + s.limit.String(),
		"--output-dir=" + s.out, "--json-report=" + reportName, "--junit-report=junit.xml", "--no-color", "--silence-skips",
	}
	if s.focus != "" {
		args = append(args, "--focus="+s.focus)
	}
	if s.skip != "" {
		args = append(args, "--skip="+s.skip)
	}
	if s.list {
		args = append(args, "--dry-run", "--procs=1")
	}
	return append(args, filepath.Join(s.programs, "e2e.test"), "--",
		"--kubeconfig="+s.kubeconfig, "--kubectl-path="+filepath.Join(s.programs, "kubectl"), "--provider=skeleton", "--disable-log-dump")
}

// progress keeps the log, and says now and then how many tests are through: ginkgo
// prints a dot for each.
type progress struct {
	log   io.Writer
	begin time.Time
	done  int
}

const progressStep = 10

func (p *progress) Write(data []byte) (int, error) {
	before := p.done / progressStep
	p.done += bytes.Count(data, []byte("•"))
	if p.done/progressStep > before {
		fmt.Printf("%6s  %d tests done\n", time.Since(p.begin).Round(time.Second), p.done)
	}
	return p.log.Write(data)
}
