package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node/nodeinit"
)

// scribble writes wherever it can, with all rights that a node's root has: a container
// runtime has them, and uses them for pods that have few.
const scribble = `cd /var/log/kubarium
for target in /usr /etc/ssl/certs /opt/tools /opt/tools/below /opt/tool; do
	mount -o remount,bind,rw $target
	mount -o remount,rw $target
	if [ -d $target ]; then (touch $target/zz-ours && rm $target/zz-ours); else echo more >> $target; fi && echo $target >> written
	chmod 700 $target && echo $target >> written
done
cat /opt/tools/below/file /opt/tool > seen
cat /opt/kernel/ostype > ostype
echo ours > /proc/sys/kernel/core_pattern
`

// TestNothingOfTheHostIsWritable proves that what a machine has of its host, with what is
// mounted below it, stays as it is, even if the mounts are made writable.
func TestNothingOfTheHostIsWritable(t *testing.T) {
	dir := t.TempDir()
	spec := testSpec("node-7", dir)
	config, err := testConfig(spec, map[string]string{"scribble": scribble})
	if err != nil {
		t.Fatal(err)
	}
	// A path that would have to be escaped in an overlay's options.
	tools := filepath.Join(dir, "tools, all:of them")
	below, tool := filepath.Join(tools, "below"), filepath.Join(dir, "tool")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", below, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(below, unix.MNT_DETACH)
	for path, content := range map[string]string{filepath.Join(below, "file"): "mounted ", tool: "a tool"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config.Binds = append(config.Binds,
		nodeinit.Bind{Source: tools, Target: "/opt/tools", ReadOnly: true},
		nodeinit.Bind{Source: tool, Target: "/opt/tool", ReadOnly: true},
		// No overlay lies on this: it is there all the same.
		nodeinit.Bind{Source: "/proc/sys/kernel", Target: "/opt/kernel", ReadOnly: true},
	)
	pattern := readFile(t, "/proc/sys/kernel/core_pattern")
	events := make(chan nodeinit.Event, 256)
	spec.OnEvent = func(e nodeinit.Event) { events <- e }
	n := bootMachine(t, spec, config)
	start(t, n, "scribble")
	awaitEvent(t, events, nodeinit.Exited, "scribble")
	if written, err := os.ReadFile(filepath.Join(spec.LogDir, "written")); err == nil {
		t.Errorf("the machine wrote to\n%s", written)
	}
	if now := readFile(t, "/proc/sys/kernel/core_pattern"); now != pattern {
		t.Errorf("what the kernel runs when a program crashes is %q, was %q", now, pattern)
		_ = os.WriteFile("/proc/sys/kernel/core_pattern", []byte(pattern), 0)
	}
	for name, want := range map[string]string{"seen": "mounted a tool", "ostype": "Linux\n"} {
		if got := readFile(t, filepath.Join(spec.LogDir, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if info, err := os.Stat(tool); err != nil || info.Mode().Perm() != 0o644 || readFile(t, tool) != "a tool" {
		t.Errorf("the host's file: %v, %v", info, err)
	}
}

// listTLS writes down what a node has for TLS, and whom it trusts.
const listTLS = `cd /var/log/kubarium
find /etc/ssl /etc/pki -maxdepth 2 > tls 2>/dev/null
cat /etc/ssl/certs/ca-certificates.crt > trusted 2>/dev/null
true
`

// TestKeysOfTheHostAreInNoNode proves that a machine has the certificates of those whom its host
// trusts, and none of the directories in which distributions keep the host's own keys.
func TestKeysOfTheHostAreInNoNode(t *testing.T) {
	spec := testSpec("node-7", t.TempDir())
	n, events := startMachine(t, spec, map[string]string{"list": listTLS})
	start(t, n, "list")
	awaitEvent(t, events, nodeinit.Exited, "list")
	found := strings.Fields(readFile(t, filepath.Join(spec.LogDir, "tls")))
	allowed := []string{
		"/etc/ssl", "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf",
		"/etc/pki", "/etc/pki/tls", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/cacert.pem", "/etc/pki/tls/openssl.cnf",
		"/etc/pki/ca-trust", "/etc/pki/ca-trust/extracted",
	}
	for _, path := range found {
		if !slices.Contains(allowed, path) && !strings.HasPrefix(path, "/etc/ssl/certs/") {
			t.Errorf("the machine has its host's %s", path)
		}
	}
	// Not each distribution has them there.
	trusted, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err == nil && readFile(t, filepath.Join(spec.LogDir, "trusted")) != string(trusted) {
		t.Error("the machine does not trust whom its host trusts")
	}
}
