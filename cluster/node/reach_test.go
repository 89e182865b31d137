package node

import (
	"os"
	"path/filepath"
	"testing"

	"kubarium/cluster/node/nodeinit"
)

// TestLinksLeadNowhere proves that who reaches into a machine from the host stays in it.
func TestLinksLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	if err := os.WriteFile(outside, []byte("the host's"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := testSpec("links", dir)
	n, events := startMachine(t, spec, map[string]string{
		"planter": "mkdir /etc/kubernetes; ln -s " + outside + " /etc/kubernetes/file; ln -s " + dir + " /etc/linked; ln -s " + outside + " /var/log/kubarium/planted",
	})
	start(t, n, "planter")
	awaitEvent(t, events, nodeinit.Exited, "planter")
	for _, path := range []string{"/etc/kubernetes/file", "/etc/linked/outside"} {
		if content, err := n.ReadFile(path); err == nil {
			t.Errorf("%s is %q", path, content)
		}
	}
	if err := n.ReplaceFile("/etc/linked/outside", []byte("ours")); err == nil {
		t.Error("a file was replaced in a directory of the host's")
	}
	if err := n.ReplaceFile("/etc/kubernetes/file", []byte("ours")); err != nil {
		t.Errorf("replacing a link: %v", err)
	}
	if content, err := n.ReadFile("/etc/kubernetes/file"); err != nil || string(content) != "ours" {
		t.Errorf("the replaced file is %q: %v", content, err)
	}
	if got := readFile(t, outside); got != "the host's" {
		t.Errorf("the host's file is %q", got)
	}
}
