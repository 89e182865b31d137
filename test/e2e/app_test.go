package e2e

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// theApp drives the app in a terminal against the cluster that it starts, through what a
// learner does on the first day, and compares the machine before and after.
func theApp(t *testing.T) {
	before, err := look("app")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := uniqueName("app")
	home := []string{"HOME=" + dir, "XDG_STATE_HOME=" + dir + "/state"}
	flags := []string{"--name", name, "--data-dir", dir}
	s := openScreen(t, 120, 40, home, append(flags, "--nodes", "2")...)
	s.sees("Control plane", "node-1", "node-2")
	s.keys("L", "L")
	s.loses("Lessons")

	s.run("create deployment web --image=kubarium/web:1.0 --replicas=2")
	s.sees("deployment.apps/web created")
	s.leave()
	s.run("deploy default")
	s.sees("deployments.apps  in default", "2/2")

	t.Log("scale: the command can be read before it is run")
	s.keys("S")
	s.sees("scale deployment/web -n default --replicas=")
	s.keys("3", "enter")
	s.sees("deployment.apps/web scaled", "3/3")
	s.leave()

	t.Log("edit, from the table and back to it")
	s.keys("e")
	s.sees("ctrl+s check")
	s.line("replicas: 3")
	s.keys("\x7f", "1", "\x13")
	s.sees("The server accepts it", "-  replicas: 3", "+  replicas: 1")
	s.keys("enter")
	s.sees("deployment/web changed", "1/1")

	t.Log("object: summary, describe, YAML")
	s.keys("enter")
	s.sees("What it wants", "container web of image kubarium/web:1.0", "1 pod: 1 of the newest version, 1 ready", "Nothing that it or the cluster tells")
	s.keys("tab")
	s.sees("RollingUpdateStrategy")
	s.keys("tab")
	s.sees("apiVersion: apps/v1")

	t.Log("tree, from the Deployment to the process")
	s.keys("o")
	s.sees("deployment/web", "replicaset/web-", "pod/web-", "container web", "process 1  toolbox serve")
	s.keys("esc")
	s.sees("apiVersion: apps/v1")

	t.Log("a field, explained by the server")
	s.keys("i")
	s.sees("APIVersion defines the versioned schema")
	s.keys("i")

	t.Log("what was applied, and who has set what")
	s.keys("D")
	s.sees("Nothing was applied to it", "Who has set what besides", "kubarium-edit", "spec.replicas: 1")
	s.keys("D")
	s.sees("apiVersion: apps/v1")

	t.Log("edit in place: a dry run, its error at the line, what would change")
	s.keys("e")
	s.sees("ctrl+s check")
	s.line("replicas: 1")
	s.keys("\x7f", "-1", "\x13")
	s.sees("spec.replicas", "must be greater than or equal to 0")
	s.keys("\x7f\x7f", "2", "\x13")
	s.sees("The server accepts it", "-  replicas: 1", "+  replicas: 2")
	s.keys("enter")
	s.sees("deployment/web changed")
	s.sees("D applied") // the change before was told in the same words
	s.keys("esc")
	s.sees("deployments.apps  in default", "2/2")

	t.Log("filter")
	s.run("po -A")
	s.sees("pods  in all namespaces", "coredns-", "web-")
	s.keys("/", "web-", "enter")
	s.loses("coredns-")
	// The pods that the edit took away have gone.
	s.sees("2 of 4")

	t.Log("inside of a pod, and of a Service")
	s.keys("enter")
	s.sees("What it wants")
	s.keys("6")
	s.sees("container web of pod default/web-", "toolbox serve", "Namespaces")

	t.Log("what came of a pod")
	s.keys("7", "g")
	s.sees("What came of it, from", "replicaset-controller  creates Pod default/web-")
	s.keys("esc")
	s.run("kubarium inspect service kube-dns -n kube-system")
	s.sees("chain service-", "kube-system/kube-dns/")
	s.leave()
	s.sees("pods  in all namespaces")

	t.Log("shell in a pod")
	s.keys("x")
	s.sees("sh-5")
	s.keys("echo in-the-pod-$((40+2)); hostname\r")
	s.sees("in-the-pod-42")
	s.keys("exit\r")
	s.sees("pods  in all namespaces")

	t.Log("terminal, inside the cluster's network")
	s.keys("\x14")
	s.sees("(kubarium)", "back to the cluster")
	t.Log("its completion knows the cluster")
	s.keys("kubectl get namesp\tkube-publ\t-o name\r")
	s.sees("namespace/kube-public")
	s.keys("kubectl get ns -o name; </dev/tcp/10.96.0.1/443 && echo service-$((40+2))\r")
	s.sees("namespace/kube-system", "service-42")
	s.keys("exit\r")
	s.sees("the shell has ended")

	t.Log("port-forward, until it is interrupted")
	port := freePort(t)
	s.run("port-forward -n default deployment/web " + port + ":8080")
	s.sees("Forwarding from 127.0.0.1:" + port)
	eventually(t, "the forwarded port", func(ctx context.Context) error { return get(ctx, "http://127.0.0.1:"+port, "Hello from pod web-") })
	s.keys("\x03")
	s.sees("stopped")
	s.leave()

	port = freePort(t)
	t.Log("a forward to a service, which finds another pod when its own is gone")
	s.run("expose deployment web -n default --port=80 --target-port=8080")
	s.sees("service/web exposed")
	s.leave()
	s.run("svc default")
	s.sees("services  in default", "80/TCP")
	s.keys("G")
	s.sees("▸ web ")
	s.keys("F")
	s.sees("forward service/web 8080:80 -n default")
	s.keys("esc")
	s.run("forward svc/web " + port + ":80 -n default")
	s.sees("127.0.0.1:"+port, "0 open of 0")
	eventually(t, "the forwarded service", func(ctx context.Context) error { return get(ctx, "http://127.0.0.1:"+port, "Hello from pod web-") })
	s.sees("open of ", "web-", "1 forward")
	s.run("delete pod -n default -l app=web")
	s.sees("deleted")
	s.leave()
	eventually(t, "the forwarded service, with other pods", func(ctx context.Context) error { return get(ctx, "http://127.0.0.1:"+port, "Hello from pod web-") })
	s.keys("s")
	s.sees("stopped  127.0.0.1:" + port)
	if err := get(t.Context(), "http://127.0.0.1:"+port, "Hello"); err == nil {
		t.Error("a stopped forward leads somewhere")
	}
	s.keys("s")
	s.sees("listening  127.0.0.1:" + port)
	eventually(t, "the forward that goes on", func(ctx context.Context) error { return get(ctx, "http://127.0.0.1:"+port, "Hello from pod web-") })

	t.Log("a kind that is only listed, and one that is custom")
	s.run("gatewayclasses")
	s.sees("gatewayclasses.gateway.networking.k8s.io", "traefik.io/gateway-controller")

	t.Log("map: the pod and its service, and what the control plane is doing")
	s.keys("m", "esc")
	s.sees("● web…", "API server ", " requests/s", "◐ not ready", "used: ")
	s.loses("READY")
	s.keys("v")
	s.sees(" A web 80/TCP ", " A│", " B kubernetes 443/TCP leads to 1 address that is no pod's")
	s.keys("v")
	s.loses(" A web 80/TCP ")
	s.sees(" kubernetes 443/TCP ")
	s.keys("v")
	s.sees(" web 80/TCP ", "◂")
	s.keys("o")
	s.sees("web             ●")
	s.keys("o", "m")

	t.Log("graphs, of what is measured just now")
	s.keys("g")
	s.sees("API requests", "Writes to etcd", "/s, last ")
	s.keys("l")
	s.sees("node-1 memory", "node-2 memory", "i, last ")
	s.keys("l")
	s.sees("web-", "memory")
	s.keys("esc")
	s.sees("READY")

	t.Log("what pods and nodes use, as kubectl top tells it")
	usesAsTop(s, append([]string{"kubectl"}, flags...))

	rollouts(s, append([]string{"kubectl"}, flags...), dir)

	t.Log("delete, after a question")
	s.run("deploy default")
	s.sees("deployments.apps  in default", "2/2")
	s.keys("d")
	s.sees("Delete deployment/web?")
	s.keys("y")
	s.sees("There are none in default.")

	t.Log("take it back, and look at how it was before")
	s.keys("u")
	s.sees("Take this back?", "delete deployments.apps/default/web")
	s.keys("y")
	s.sees("objects written")
	s.sees("deployments.apps  in default", "2/2")
	s.keys("esc", "<")
	s.sees("as it was at", "after:", "bring back")
	s.keys("d")
	s.sees("this is the past")
	s.keys("esc")
	s.loses("as it was at")

	t.Log("what is gone is there in the past")
	relic(s, append([]string{"kubectl"}, flags...))

	everyView(s, append([]string{"kubectl"}, flags...))

	t.Log("leave, from the panes: the app begins where it was left")
	s.sees("Control plane", "READY")
	s.keys("q")
	s.sees("Leave kubarium?")
	s.keys("enter")
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.text())
	}
	before.compare(t, "after the app", "app")

	t.Log("the first lesson, to its end")
	s = openScreen(t, 120, 40, home, append(flags, "--lesson", "first-pod")...)
	playLesson(s)

	t.Log("ctrl+c leaves at once")
	s.keys("\x03")
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.text())
	}
	before.compare(t, "after ctrl+c", "app")
}

// relic makes a pod and deletes it, and goes back until the panes have it again.
func relic(s *screen, kubectl []string) {
	s.t.Helper()
	ask := func(args ...string) {
		s.t.Helper()
		if out, err := exec.CommandContext(bounded(s.t), program(), append(slices.Clone(kubectl), args...)...).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	// Events tell of it for longer than it is there.
	row := regexp.MustCompile(`│[▸ ]+relic +\d/1 `)
	gone := func(text string) bool { return !row.MatchString(text) }
	ask("run", "relic", "--image=kubarium/web:1.0")
	s.until("the pod", row.MatchString)
	ask("delete", "pod", "relic", "--now")
	s.until("the pod's end", gone)
	pressed := time.Time{}
	s.until("the pod in the past", func(text string) bool {
		if strings.Contains(text, "as it was at") && row.MatchString(text) {
			return true
		}
		if time.Since(pressed) > time.Second {
			pressed = time.Now()
			s.keys("<")
		}
		return false
	})
	s.keys("esc")
	s.loses("as it was at")
	s.until("the pod's end, again", gone)
}

// freePort is a port of this machine that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// usesAsTop compares the columns of the table of pods with what kubectl top prints: both ask
// for the same, at other moments.
func usesAsTop(s *screen, kubectl []string) {
	s.t.Helper()
	s.run("po default")
	s.sees("pods  in default", "CPU  MEMORY", "web-")
	eventually(s.t, "the figures of kubectl top", func(ctx context.Context) error {
		top := exec.CommandContext(ctx, program(), append(slices.Clone(kubectl), "top", "pods", "-n", "default", "--no-headers")...)
		out, err := top.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s\n%s", err, out, s.text())
		}
		screen, pods := s.text(), strings.Split(strings.TrimSpace(string(out)), "\n")
		for _, line := range pods {
			want := strings.Fields(line)
			shown := regexp.MustCompile(regexp.QuoteMeta(want[0]) + `.* (\d+)m +(\d+)Mi `).FindStringSubmatch(screen)
			if shown == nil || !about(shown[1], strings.TrimSuffix(want[1], "m"), 10) || !about(shown[2], strings.TrimSuffix(want[2], "Mi"), 3) {
				return fmt.Errorf("kubectl top: %s, the screen: %q", line, shown)
			}
		}
		if len(pods) < 2 {
			return fmt.Errorf("kubectl top: %s", out)
		}
		return nil
	})
	s.keys("esc")
	s.run("no")
	s.sees("nodes", "node-1", "node-2", "CPU", "MEMORY", "m (", "Mi (")
	s.keys("esc")
}

// about tells whether two numbers differ by no more than the least, or by a fifth.
func about(a, b string, least float64) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, also := strconv.ParseFloat(b, 64)
	return err == nil && also == nil && math.Abs(x-y) <= max(least, y/5)
}

// playLesson plays the lesson that is open: the first step by typing what it offers, the
// second in a shell, the others by having them shown, and its questions by trying every answer.
func playLesson(s *screen) {
	s.t.Helper()
	s.sees("enter: begin")
	s.keys("enter")
	s.sees("Step 1 of 8")
	s.keys("t")
	s.sees(": kubectl run web --image=kubarium/web:1.0")
	s.keys("enter")
	s.sees("pod/web created", "enter: next step")
	s.leave()
	for step := 2; step <= 8; step++ {
		// A step may be met while its solution is still being shown: until then enter is refused.
		s.insists("enter", "enter: next step", regexp.MustCompile(fmt.Sprintf("Step %d of 8", step)))
		switch step {
		case 2:
			// As somebody does who prefers a shell.
			s.keys("\x14")
			s.sees("(kubarium)")
			s.keys("k get po\rkubectl get pods -o wide\r")
			s.sees("enter: next step")
			s.keys("\x14", "L")
		case 3, 4, 5, 6, 7:
			// It is typed into the shell, and later, without one, into the command line.
			if step == 5 {
				s.keys("\x14", "exit\r")
				s.sees("the shell has ended")
				s.keys("L")
			}
			s.keys("s")
			s.sees("enter: next step")
		}
	}
	for question := 1; question <= 3; question++ {
		s.sees(fmt.Sprintf("answer question %d of 3", question))
		for answer := 1; answer <= 3 && strings.Contains(s.text(), fmt.Sprintf("answer question %d of 3", question)); answer++ {
			s.keys(fmt.Sprint(answer))
			time.Sleep(time.Second)
		}
	}
	s.sees("enter: finish")
	s.keys("enter")
	s.sees("enter: all lessons")
}
