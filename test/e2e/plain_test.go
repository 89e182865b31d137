package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPlain goes through the app as lines of text, in a terminal, on a live cluster; and
// through the settings, the keys and the clipboard of the app beside it.
func TestPlain(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	home := t.TempDir()
	file := filepath.Join(home, "kubarium", "config.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "TMPDIR=" + home, "TERM=dumb"}
	on := []string{"--kubeconfig", shared.path("kubeconfig")}

	write("plain: true\n")
	// High enough that nothing scrolls away.
	s := openScreen(t, 160, 400, env, on...)
	s.sees("Type a command, or help.", "3 nodes: node-1 Ready", "pod")
	s.keys("run web --image=kubarium/web:1.0 -n "+ns, "enter")
	s.sees("pod/web created", "pod "+ns+"/web on node-", "-> running")

	t.Log("ctrl+c ends a command that would go on, and not the app")
	s.keys("get pods -w -n "+ns, "enter")
	s.sees("NAME   READY")
	s.keys("\x03")
	s.sees("^C")
	s.keys("delete pod web --now -n "+ns, "enter")
	s.sees(`pod "web" deleted`, "pod "+ns+"/web on node-", " is gone")
	s.keys("exec web -n "+ns+" -- true", "enter")
	s.sees("NotFound", "ended with exit code 1")
	s.keys("quit", "enter")
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.text())
	}

	t.Log("wrong settings are told with their line")
	write("theme: dark\nkeys:\n  fly: f9\n")
	s = openScreen(t, 120, 40, env, on...)
	if code := s.ends(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	s.sees("config.yaml:3: fly: there is no action")

	t.Log("other keys; what is left is begun with")
	write("theme: terminal\nkeys:\n  map: ctrl+e\n  quit: ctrl+q\n")
	s = openScreen(t, 120, 40, env[:4], on...)
	s.sees("ctrl+e map", "Events")
	s.keys("\x05")
	s.loses("Events")
	s.keys("\x11")
	s.sees("Leave kubarium?")
	s.keys("y")
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s = openScreen(t, 120, 40, env[:4], on...)
	s.sees("ctrl+e map", "node-3")
	s.loses("Events")
}
