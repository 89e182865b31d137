package nodeinit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// sharedEtc are the parts of the host's /etc by which its programs and TLS work. Of ssl and pki
// these are the certificates of those whom it trusts, at the places that distributions have for
// them, and no more: beside them lie the host's private keys, and a pod with a hostPath volume
// sees what its node has.
var sharedEtc = []string{
	"ssl/certs", "ssl/cert.pem", "ssl/ca-bundle.pem", "ssl/openssl.cnf",
	"pki/tls/certs", "pki/tls/cert.pem", "pki/tls/cacert.pem", "pki/tls/openssl.cnf", "pki/ca-trust/extracted",
	"ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "nsswitch.conf", "protocols", "services",
}

// bindHost brings the host's programs in, where nobody can write to them, and the node's own
// disk.
func bindHost(c Config) (err error) {
	s, err := newSealer(filepath.Join(c.Root, "mnt"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.seal("/usr", filepath.Join(c.Root, "usr")); err != nil {
		return err
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		source, target := filepath.Join("/", name), filepath.Join(c.Root, name)
		info, err := os.Lstat(source)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", source, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			link, err := os.Readlink(source)
			if err == nil {
				err = os.Symlink(link, target)
			}
			if err != nil {
				return fmt.Errorf("link %s: %w", source, err)
			}
			continue
		}
		if err := s.seal(source, target); err != nil {
			return err
		}
	}
	for _, name := range sharedEtc {
		source := filepath.Join("/etc", name)
		if _, err := os.Stat(source); err != nil {
			continue
		}
		if err := s.seal(source, filepath.Join(c.Root, source)); err != nil {
			return err
		}
	}
	if err := mountDisk(c); err != nil {
		return err
	}
	for _, b := range c.Binds {
		b.Target = filepath.Join(c.Root, b.Target)
		show := bind
		if b.ReadOnly {
			show = s.seal
		}
		if err := show(b.Source, b.Target); err != nil {
			return err
		}
	}
	return nil
}

// bind mounts a file or directory, with what is mounted below it, and makes the target first.
func bind(source, target string) error {
	info, err := os.Stat(source)
	if err == nil {
		err = makeTarget(info, target)
	}
	if err == nil {
		err = unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("bind %s: %w", source, err)
	}
	return nil
}

// makeTarget makes what something can be mounted over, unless it is there.
func makeTarget(info fs.FileInfo, target string) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}
