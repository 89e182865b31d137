package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// becoming makes a user with a password in an /etc of its own, which nobody else sees, and has
// them become root by su for one command. $1 is where it all lies, $2 root's password, $3
// whether the terminal is the user's, as it is after a login, $4 the command.
const becoming = `set -e
if ! test -d "$1/etc"; then cp -a /etc "$1/etc"; fi
mount --bind "$1/etc" /etc
if ! getent passwd learner >/dev/null; then
	useradd --no-log-init --create-home --home-dir "$1/home" --shell /bin/bash learner
	printf 'learner:mine\nroot:%s\n' "$2" | chpasswd
fi
if test "$3" = own; then chown learner "$(tty)"; fi
cd "$1/home"
exec env -u SUDO_UID HOME="$1/home" USER=learner SHELL=/bin/bash setpriv --reuid=learner --regid=learner --init-groups su -c "$4"`

// TestSu has an ordinary user type root's password to su, which tells nobody who they are, on a
// machine where root's files are for root alone. The app's terminal, the kubeconfig and what is
// kept are theirs all the same.
func TestSu(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(program())
	if err != nil {
		t.Fatal(err)
	}
	su := func(owner, command string) *screen {
		const password = "only-for-this-test"
		s := openCommand(t, 120, 40, nil, "unshare", "--mount", "--propagation", "private", "sh", "-c", becoming, "sh", dir, password, owner, command)
		s.sees("assword:")
		s.keys("wrong\r")
		s.sees("ailure")
		if s.ends() == 0 {
			t.Fatal("a wrong password makes one root")
		}
		s = openCommand(t, 120, 40, nil, "unshare", "--mount", "--propagation", "private", "sh", "-c", becoming, "sh", dir, password, owner, command)
		s.sees("assword:")
		s.keys(password + "\r")
		return s
	}

	t.Log("in a terminal of the user's: the app, its terminal, and what it leaves")
	which := []string{"--name", uniqueName("su"), "--data-dir", filepath.Join(dir, "data")}
	t.Cleanup(func() {
		// If the test failed, su has ended the app before it could end the cluster.
		if out, err := exec.Command(path, append([]string{"clean", "--yes"}, which...)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	s := su("own", "umask 077 && "+path+" --nodes 1 --disable loadbalancer,networkpolicy,metrics,storage,ingress "+strings.Join(which, " "))
	s.sees("Control plane", "node-1", "1 node", "coredns-", "Running")
	s.keys("L", "L")
	s.loses("Lessons")
	s.keys("\x14")
	s.sees("(kubarium) learner@", "back to the cluster")
	s.keys(`echo "$(id -un) $(stat -c %U "$KUBECONFIG")-is-it $HOME"; kubectl get ns -o name` + "\r")
	s.sees("learner learner-is-it "+dir+"/home", "namespace/kube-system")
	// The mask that root had is no business of the program's.
	s.keys(`echo mask-is-$(umask)` + "\r")
	s.sees("mask-is-0077")
	// Root's they are not, whatever the password opened.
	s.keys("grep CapEff /proc/self/status; echo x > /etc/of-the-user || echo refused-$((40+2))\r")
	s.sees("0000000000000000", "refused-42")
	s.keys("exit\r")
	s.sees("the shell has ended")
	home, err := os.Stat(filepath.Join(dir, "home"))
	if err != nil {
		t.Fatal(err)
	}
	learner := home.Sys().(*syscall.Stat_t).Uid
	if learner == 0 {
		t.Fatal("the user is root")
	}
	s.keys("\x03")
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.text())
	}
	theirs := ownedBy(t, dir, learner)
	for _, file := range []string{"kubeconfig", ".local/state/kubarium"} {
		if !strings.Contains(theirs, file) {
			t.Errorf("%s is not the user's; theirs are\n%s", file, theirs)
		}
	}

	t.Log("in a terminal of root's, where the process that began it tells")
	s = su("roots", path+" shell --name "+shared.name+" --data-dir "+shared.dir+" -- sh -c 'id -un; id -u'")
	s.sees("learner", strconv.Itoa(int(learner)))
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.text())
	}
}

// ownedBy lists the files of a user below a directory.
func ownedBy(t *testing.T, dir string, uid uint32) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Sys().(*syscall.Stat_t).Uid == uid {
			list.WriteString(path + "\n")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
