package nodeinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// sealer shows parts of the host's file system where nobody can write to them. A read-only
// mount is not enough: a pod with a hostPath volume gets a mount of its own of what is there,
// and the container runtime makes that writable unless the pod says otherwise. So the file
// system is one that can't be written: an overlay that has no upper directory.
type sealer struct {
	// dir is a file system of its own, there only while the machine is made.
	dir string
	// empty is a directory below all others: an overlay needs two.
	empty *os.File
	// mounts are the host's mount points, parents first.
	mounts []string
}

func newSealer(dir string) (*sealer, error) {
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("list the host's mounts: %w", err)
	}
	s := &sealer{dir: dir}
	for _, m := range all {
		s.mounts = append(s.mounts, m.Mountpoint)
	}
	slices.Sort(s.mounts)
	s.mounts = slices.Compact(s.mounts)
	if err := mountFS("tmpfs", dir, "mode=755"); err != nil {
		return nil, err
	}
	for _, name := range []string{"empty", "aside"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return nil, fmt.Errorf("make an empty directory: %w", err)
		}
	}
	if s.empty, err = os.Open(filepath.Join(dir, "empty")); err != nil {
		return nil, fmt.Errorf("open an empty directory: %w", err)
	}
	return s, nil
}

// close takes the directory away from everybody but the overlays.
func (s *sealer) close() error {
	if err := errors.Join(s.empty.Close(), unix.Unmount(s.dir, unix.MNT_DETACH)); err != nil {
		return fmt.Errorf("leave %s: %w", s.dir, err)
	}
	return nil
}

// seal shows what is at source, and mounted below it, at target.
func (s *sealer) seal(source, target string) error {
	source, err := filepath.EvalSymlinks(source)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	info, err := os.Stat(source)
	if err == nil {
		err = makeTarget(info, target)
	}
	if err != nil {
		return fmt.Errorf("seal %s: %w", source, err)
	}
	if info.IsDir() {
		err = s.overlay(source, target)
	} else {
		err = s.overlayFile(source, target)
	}
	if err != nil {
		// No overlay lies on some file systems, nor on a second overlay, as in a container
		// in a container. Then a read-only mount has to do, and pods can write to the host.
		fmt.Fprintf(os.Stderr, "%s is mounted read-only, which keeps out no pod that mounts it by hostPath: %v\n", source, err)
		return bindReadOnly(source, target)
	}
	return s.sealBelow(source, target)
}

// sealBelow shows what is mounted below source: an overlay has none of it.
func (s *sealer) sealBelow(source, target string) error {
	var sealed []string
	for _, m := range s.mounts {
		if !isBelow(m, source) || slices.ContainsFunc(sealed, func(above string) bool { return isBelow(m, above) }) {
			continue
		}
		if _, err := os.Stat(m); err != nil {
			continue // It is hidden by another mount, or its server is gone.
		}
		if err := s.seal(m, target+strings.TrimPrefix(m, source)); err != nil {
			return err
		}
		sealed = append(sealed, m)
	}
	return nil
}

func isBelow(path, dir string) bool { return strings.HasPrefix(path, dir+"/") }

// overlay mounts a directory. What changes who runs a program is ignored: to SELinux iptables
// would be in a domain that must not read the node's root, see check_nnp_nosuid in the kernel's
// security/selinux/hooks.c.
func (s *sealer) overlay(source, target string) error {
	lower, err := os.Open(source)
	if err != nil {
		return err
	}
	defer lower.Close()
	// Paths would have to be escaped, and fit into a page.
	options := fmt.Sprintf("lowerdir=/proc/self/fd/%d:/proc/self/fd/%d", lower.Fd(), s.empty.Fd())
	return os.NewSyscallError("mount overlay", unix.Mount("overlay", target, "overlay", unix.MS_RDONLY|unix.MS_NOSUID, options))
}

// overlayFile mounts a file out of an overlay of its directory.
func (s *sealer) overlayFile(source, target string) error {
	if slices.Contains(s.mounts, source) {
		return errors.New("it is a mount of its own, which is in no overlay")
	}
	aside := filepath.Join(s.dir, "aside")
	if err := s.overlay(filepath.Dir(source), aside); err != nil {
		return err
	}
	return errors.Join(
		os.NewSyscallError("bind", unix.Mount(filepath.Join(aside, filepath.Base(source)), target, "", unix.MS_BIND, "")),
		os.NewSyscallError("unmount", unix.Unmount(aside, unix.MNT_DETACH)),
	)
}

// bindReadOnly makes what the host has mounted below the source read-only as well.
func bindReadOnly(source, target string) error {
	if err := bind(source, target); err != nil {
		return err
	}
	attributes := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, attributes); err != nil {
		return fmt.Errorf("bind %s read-only: %w", source, err)
	}
	return nil
}
