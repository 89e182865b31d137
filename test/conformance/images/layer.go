package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// epoch is the time of all that is not from a package.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// layer is one layer of an image in the making. Its first error ends it; done tells it.
type layer struct {
	content bytes.Buffer
	archive *tar.Writer
	made    map[string]bool
	err     error
}

func newLayer() *layer {
	l := &layer{made: map[string]bool{".": true, "/": true}}
	l.archive = tar.NewWriter(&l.content)
	return l
}

// dir adds a directory, and those above it.
func (l *layer) dir(name string, mode int64) {
	name = path.Clean(strings.TrimPrefix(name, "/"))
	if l.made[name] {
		return
	}
	l.made[name] = true
	l.dir(path.Dir(name), 0o755)
	l.add(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: epoch}, nil)
}

func (l *layer) file(name string, mode int64, content []byte) {
	l.dir(path.Dir(name), 0o755)
	l.add(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: int64(len(content)), ModTime: epoch}, bytes.NewReader(content))
}

func (l *layer) text(name, content string) { l.file(name, 0o644, []byte(content)) }

// program adds a file of this machine.
func (l *layer) program(name string, mode int64, source string) {
	content, err := os.ReadFile(source)
	l.err = errors.Join(l.err, err)
	l.file(name, mode, content)
}

func (l *layer) link(name, target string) {
	l.dir(path.Dir(name), 0o755)
	l.add(&tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(name, "/"), Linkname: target, Mode: 0o777, ModTime: epoch}, nil)
}

func (l *layer) add(header *tar.Header, content io.Reader) {
	if l.err != nil {
		return
	}
	if l.err = l.archive.WriteHeader(header); l.err == nil && content != nil {
		_, l.err = io.Copy(l.archive, content)
	}
}

// debian adds the files of Debian packages, without their documentation. Their scripts
// don't run: what they would do has to be done by whoever calls this.
func (l *layer) debian(packages []string) {
	for _, p := range packages {
		if l.err != nil {
			return
		}
		out, err := exec.Command("dpkg-deb", "--fsys-tarfile", p).Output()
		if err != nil {
			l.err = fmt.Errorf("read package %s: %w", p, err)
			return
		}
		l.unpack(tar.NewReader(bytes.NewReader(out)))
	}
}

func (l *layer) unpack(files *tar.Reader) {
	for l.err == nil {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			l.err = err
			return
		}
		name := path.Clean(strings.TrimPrefix(header.Name, "./"))
		if needless(name) || header.Typeflag == tar.TypeDir && l.made[name] {
			continue
		}
		if header.Typeflag == tar.TypeDir {
			l.made[name] = true
			name += "/"
		}
		header.Name = name
		header.Linkname = strings.TrimPrefix(header.Linkname, "./")
		l.add(header, files)
	}
}

func needless(name string) bool {
	for _, dir := range []string{"doc", "doc-base", "man", "locale", "info", "lintian", "bash-completion", "bug"} {
		if name == "usr/share/"+dir || strings.HasPrefix(name, "usr/share/"+dir+"/") {
			return true
		}
	}
	return false
}

func (l *layer) done() (v1.Layer, error) {
	if err := errors.Join(l.err, l.archive.Close()); err != nil {
		return nil, err
	}
	data := l.content.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}, tarball.WithCompressedCaching)
}
