package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// download fetches Debian packages and all that they depend on, as for an empty
// machine, and returns their files. What is in dir already is not fetched again.
func download(ctx context.Context, dir string, names ...string) ([]string, error) {
	if err := os.MkdirAll(filepath.Join(dir, "partial"), 0o755); err != nil {
		return nil, fmt.Errorf("make room for packages: %w", err)
	}
	args := []string{
		"-qq", "-y", "--no-install-recommends", "--download-only",
		"-o", "Dir::State::status=/dev/null", "-o", "Dir::Cache::archives=" + dir, "-o", "Debug::NoLocking=1",
		"-o", "APT::Sandbox::User=root", "install",
	}
	out, err := exec.CommandContext(ctx, "apt-get", append(args, names...)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("download Debian packages (does 'apt-get update' help?): %w\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err == nil && len(packages) == 0 {
		err = fmt.Errorf("apt-get left no packages in %s", dir)
	}
	return packages, err
}
