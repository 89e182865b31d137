package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stream is a command that runs on, with somebody at its input and output.
type stream struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	seen  strings.Builder
}

// open starts kubectl, whose input stays open.
func (c *testCluster) open(t *testing.T, args ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	s := &stream{cmd: c.command(ctx, append([]string{"kubectl"}, args...)...), lines: make(chan string, 1000)}
	out, outWriter, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = outWriter, outWriter
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	outWriter.Close()
	go func() {
		defer close(s.lines)
		defer out.Close()
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Wait()
		}
	})
	return s
}

func (s *stream) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		t.Fatalf("%v: %v", s.cmd.Args[5:], err)
	}
}

// expect reads on until a line contains part, and returns it.
func (s *stream) expect(t *testing.T, part string) string {
	t.Helper()
	for line := range s.lines {
		fmt.Fprintln(&s.seen, line)
		if strings.Contains(line, part) {
			return line
		}
	}
	t.Fatalf("%v did not say %q, but:\n%s", s.cmd.Args[5:], part, s.seen.String())
	return ""
}

// end sends a signal and waits until the command has ended.
func (s *stream) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(limit / 3):
		t.Errorf("%v goes on after %v", s.cmd.Args[5:], signal)
		_ = s.cmd.Process.Kill()
		<-ended
	}
}

// TestStreams proves that what kubectl keeps open works against every node, and ends
// when it is told to.
func TestStreams(t *testing.T) {
	ns := shared.namespace(t)
	for _, node := range nodeNames {
		t.Run(node, func(t *testing.T) {
			shared.runOn(t, ns, node, node, "kubarium/web:1.0")
			t.Run("logs", func(t *testing.T) { followLogs(t, ns, node) })
			t.Run("exec", func(t *testing.T) {
				s := shared.open(t, "-n", ns, "exec", "-i", node, "--", "sh", "-c", "read line; echo heard $line; exit 7")
				s.say(t, "a word")
				s.expect(t, "heard a word")
				s.expect(t, "exit code 7")
			})
			t.Run("attach", func(t *testing.T) { attach(t, ns, node) })
			t.Run("debug", func(t *testing.T) { debugNode(t, node) })
		})
	}
	t.Run("proxy", func(t *testing.T) {
		s := shared.open(t, "proxy", "--port=0")
		address := strings.TrimPrefix(s.expect(t, "Starting to serve on "), "Starting to serve on ")
		if err := get(bounded(t), "http://"+address+"/version", "v1.37.1"); err != nil {
			t.Error(err)
		}
		s.end(t, syscall.SIGTERM)
	})
}

// followLogs sees a line that is written after it began to look.
func followLogs(t *testing.T, ns, pod string) {
	t.Helper()
	s := shared.open(t, "-n", ns, "logs", "-f", pod)
	s.expect(t, "listens on")
	shared.kubectl(t, "-n", ns, "exec", pod, "--", "wget", "-qO-", "http://localhost:8080/as-it-happens")
	s.expect(t, "/as-it-happens")
	s.end(t, os.Interrupt.(syscall.Signal))
}

func attach(t *testing.T, ns, node string) {
	t.Helper()
	pod := "echo-" + node
	shared.apply(t, ns, fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {
		nodeName: %s, terminationGracePeriodSeconds: 1, containers: [{name: main, image: "kubarium/toolbox:1.0",
		stdin: true, command: [sh, -c, "while read line; do echo heard $line; done"]}]}}`, pod, node))
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/"+pod, "--timeout=60s")
	s := shared.open(t, "-n", ns, "attach", "-i", pod)
	s.say(t, "one")
	s.expect(t, "heard one")
	s.say(t, "two")
	s.expect(t, "heard two")
	s.end(t, os.Interrupt.(syscall.Signal))
}

// debugNode looks at a node's own files.
func debugNode(t *testing.T, node string) {
	t.Helper()
	want := shared.kubectl(t, "get", "node", node, "-o", "jsonpath={.status.nodeInfo.machineID}")
	s := shared.open(t, "-n", "default", "debug", "node/"+node, "-i", "--image=kubarium/toolbox:1.0", "--profile=sysadmin", "--",
		"sh", "-c", "read go; cat /host/etc/machine-id; hostname; read end")
	s.say(t, "go")
	s.expect(t, want)
	s.expect(t, node)
	s.say(t, "end")
	name := strings.Fields(s.seen.String())
	for _, word := range name {
		if strings.HasPrefix(word, "node-debugger-") {
			shared.kubectl(t, "-n", "default", "delete", "pod", word, "--wait=false")
			return
		}
	}
}
