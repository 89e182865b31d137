package shell

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kubarium/cluster"
	"kubarium/cluster/logs"
)

// endTime is how long a program may take to end after it was told that its terminal is
// gone.
const endTime = 2 * time.Second

// The files that shells read at their start: the user's own first, then kubectl's
// completion.
//
//go:embed rc
var rc embed.FS

// prepare returns the program with its arguments, and its environment. What it writes is
// root's and lies in the cluster's directory: root writes nothing where the user could
// have laid a link.
func (o Options) prepare() (args, env []string, err error) {
	dir := o.Dir
	bin := filepath.Join(dir, "bin")
	if err := cluster.MakeDir(bin, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make directory of start files: %w", err)
	}
	if err := link(o.Program, filepath.Join(bin, "kubectl")); err != nil {
		return nil, nil, err
	}
	env = environment(o.User, bin, o.Kubeconfig)
	if len(o.Args) > 0 {
		return o.Args, env, nil
	}
	if err := writeRC(dir); err != nil {
		return nil, nil, err
	}
	path := loginShell(o.User)
	args = []string{path}
	switch filepath.Base(path) {
	case "bash":
		args = append(args, "--rcfile", filepath.Join(dir, "bashrc"))
	case "zsh":
		env = append(env, "ZDOTDIR="+dir)
	case "fish":
		args = append(args, "--init-command", "source "+filepath.Join(dir, "init.fish"))
	}
	return args, append(env, "SHELL="+path), nil
}

// environment is the caller's, as the user would have it.
func environment(user cluster.Invoker, bin, kubeconfig string) []string {
	own := map[string]string{
		"HOME": user.Home, "USER": user.Name, "LOGNAME": user.Name, "KUBECONFIG": kubeconfig,
		"PATH": bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "KUBARIUM_SHELL": "1", "KUBARIUM_BIN": bin,
	}
	env := slices.DeleteFunc(logs.Environ(os.Environ()), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		_, replaced := own[name]
		return replaced || strings.HasPrefix(name, "SUDO_") || name == "SHELL"
	})
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// link makes path a link to this program: called kubectl, it is kubectl.
func link(program, path string) error {
	if target, err := os.Readlink(path); err == nil && target == program {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace link to kubectl: %w", err)
	}
	if err := os.Symlink(program, path); err != nil {
		return fmt.Errorf("make link to kubectl: %w", err)
	}
	return nil
}

func writeRC(dir string) error {
	for from, to := range map[string]string{"bashrc": "bashrc", "zshrc": ".zshrc", "init.fish": "init.fish"} {
		data, err := rc.ReadFile("rc/" + from)
		if err != nil {
			return fmt.Errorf("read start files of shells: %w", err)
		}
		path := filepath.Join(dir, to)
		if err = os.WriteFile(path, data, 0o644); err == nil {
			// The mask of modes may be one that keeps the user out.
			err = os.Chmod(path, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write start files of shells: %w", err)
		}
	}
	return nil
}

// loginShell is what the user's account says, as login(1) would start it.
func loginShell(user cluster.Invoker) string {
	accounts, err := os.ReadFile("/etc/passwd")
	if err == nil {
		for line := range strings.Lines(string(accounts)) {
			fields := strings.Split(strings.TrimSpace(line), ":")
			if len(fields) == 7 && fields[0] == user.Name && usable(fields[6]) {
				return fields[6]
			}
		}
	}
	for _, path := range []string{os.Getenv("SHELL"), "/bin/bash"} {
		if usable(path) {
			return path
		}
	}
	return "/bin/sh"
}

// usable reports whether an interactive shell is to be expected at path.
func usable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !slices.Contains([]string{"nologin", "false"}, filepath.Base(path))
}
