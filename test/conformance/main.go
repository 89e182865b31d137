// Command conformance runs upstream's conformance tests against a cluster of Kubarium,
// and tells what passed, failed and was skipped, and why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kubarium/test/conformance/images"
)

// settings are what the command line says.
type settings struct {
	// kubarium is the program under test.
	kubarium string
	// programs is the directory with upstream's programs: e2e.test, ginkgo, kubectl,
	// and those for the images.
	programs string
	// kubeconfig, if given, is of a cluster that has the images already.
	kubeconfig string
	out        string
	// labels, focus and skip choose the tests.
	labels, focus, skip string
	parallel            int
	limit               time.Duration
	list                bool
}

func main() {
	var s settings
	flag.StringVar(&s.kubarium, "kubarium", "bin/kubarium", "the program under test")
	flag.StringVar(&s.programs, "programs", "bin/conformance", "directory of upstream's programs")
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "use this running cluster, which has the images, and start none")
	flag.StringVar(&s.out, "out", "bin/conformance/results", "directory for reports and logs")
	flag.StringVar(&s.labels, "labels", "Conformance", "run only tests with labels that match this query, of all that upstream has")
	flag.StringVar(&s.focus, "focus", "", "run only tests whose name matches this expression")
	flag.StringVar(&s.skip, "skip", "", "leave out tests whose name matches this expression")
	flag.IntVar(&s.parallel, "parallel", 6, "how many tests run at a time, but for those that must be alone")
	flag.DurationVar(&s.limit, "limit", 3*time.Hour, "end the run after this time")
	flag.BoolVar(&s.list, "list", false, "only list the tests")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (err error) {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return fmt.Errorf("make directory of results: %w", err)
	}
	if s.out, err = filepath.Abs(s.out); err != nil {
		return err
	}
	if s.programs, err = filepath.Abs(s.programs); err != nil {
		return err
	}
	if s.list || s.kubeconfig != "" {
		return s.test(ctx)
	}
	archive, err := s.buildImages(ctx)
	if err != nil {
		return err
	}
	c, err := startCluster(ctx, s.kubarium, s.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	if err := c.load(ctx, archive); err != nil {
		return err
	}
	s.kubeconfig = c.kubeconfig
	return s.test(ctx)
}

// buildImages makes the archive of images anew, which takes some seconds.
func (s settings) buildImages(ctx context.Context) (string, error) {
	fmt.Println("making the images of the tests")
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return "", fmt.Errorf("find the Kubernetes module: %w", err)
	}
	archive := filepath.Join(s.programs, "images.tar")
	return archive, images.Write(ctx, images.Sources{
		Programs: s.programs, Kubernetes: strings.TrimSpace(string(module)), Packages: filepath.Join(s.programs, "packages"),
	}, archive)
}
