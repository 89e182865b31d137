// Package assets holds what the program brings along: the helper programs that run in
// nodes, and the bundled images. "make assets" builds them.
package assets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// ErrNotBuilt is returned by a program that was built without its assets.
var ErrNotBuilt = errors.New("this program was built without its helper programs: build it with 'make build'")

var errDamaged = errors.New("its checksum is wrong: the kubarium program is damaged")

// Unpack writes the helper programs into dir, unless they are there, byte by byte.
// What lies there otherwise is replaced: it is run as root.
func Unpack(ctx context.Context, dir string) error {
	source, err := fs.Sub(embedded, embeddedDir)
	if err != nil {
		return fmt.Errorf("read helper programs: %w", err)
	}
	return unpackPrograms(ctx, source, dir)
}

// UnpackOne writes one of the helper programs, as Unpack does. Several may do it at once.
func UnpackOne(dir, name string) error {
	source, err := fs.Sub(embedded, embeddedDir)
	if err != nil {
		return fmt.Errorf("read helper programs: %w", err)
	}
	return unpackOne(source, dir, name)
}

func unpackOne(source fs.FS, dir, name string) error {
	sums, err := readSums(source)
	if err != nil {
		return err
	}
	if err := unpackProgram(source, filepath.Join(dir, name), name, sums[name]); err != nil {
		return fmt.Errorf("unpack helper program %s: %w", name, err)
	}
	return nil
}

// readSums reads what the helper programs must be.
func readSums(source fs.FS) (map[string]string, error) {
	data, err := fs.ReadFile(source, "SHA256.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("read list of helper programs: %w", err)
	}
	var sums map[string]string
	if err := json.Unmarshal(data, &sums); err != nil {
		return nil, fmt.Errorf("parse list of helper programs: %w", err)
	}
	return sums, nil
}

func unpackPrograms(ctx context.Context, source fs.FS, dir string) error {
	sums, err := readSums(source)
	if err != nil {
		return err
	}
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("make directory of helper programs: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, sum := range sums {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := unpackProgram(source, filepath.Join(dir, name), name, sum); err != nil {
				return fmt.Errorf("unpack helper program %s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func unpackProgram(source fs.FS, target, name, want string) error {
	if isRight(target, 0o755, want) {
		return nil
	}
	compressed, err := source.Open(name + ".zst")
	if err != nil {
		return err
	}
	defer compressed.Close()
	decoder, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decoder.Close()
	return writeVerified(target, 0o755, decoder, want)
}

// UnpackImages writes the bundled images into dir, as an OCI image layout, and returns
// the content of its index. Blobs that are there, byte by byte, stay.
func UnpackImages(ctx context.Context, dir string) (index []byte, err error) {
	source, err := fs.Sub(embedded, embeddedDir+"/images")
	if err != nil {
		return nil, fmt.Errorf("read bundled images: %w", err)
	}
	return unpackImages(ctx, source, dir)
}

func unpackImages(ctx context.Context, source fs.FS, dir string) ([]byte, error) {
	index, err := fs.ReadFile(source, "index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("read bundled images: %w", err)
	}
	blobs, err := fs.Glob(source, "blobs/sha256/*")
	if err != nil {
		return nil, fmt.Errorf("read bundled images: %w", err)
	}
	if err := makeDir(filepath.Join(dir, "blobs", "sha256")); err != nil {
		return nil, fmt.Errorf("make directory of images: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range blobs {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := unpackBlob(source, filepath.Join(dir, filepath.FromSlash(name)), name); err != nil {
				return fmt.Errorf("unpack bundled images: %w", err)
			}
			return nil
		})
	}
	return index, group.Wait()
}

// unpackBlob writes a blob, whose name is its checksum.
func unpackBlob(source fs.FS, target, name string) error {
	want := path.Base(name)
	if isRight(target, 0o600, want) {
		return nil
	}
	file, err := source.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return writeVerified(target, 0o600, file, want)
}

// tempPattern names files that are not yet whole.
const tempPattern = ".new-*"

// makeDir makes a directory, and removes what a start left in it that was cut off.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	leftovers, err := filepath.Glob(filepath.Join(dir, tempPattern))
	for _, file := range leftovers {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// writeVerified replaces a file, and only when all of it was written and is what it
// should be.
func writeVerified(target string, mode fs.FileMode, content io.Reader, want string) error {
	file, err := os.CreateTemp(filepath.Dir(target), tempPattern)
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, sum), content)
	if err := errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return errDamaged
	}
	return os.Rename(file.Name(), target)
}

// isRight reports whether a file, and not a link to one, has this mode and checksum.
func isRight(name string, mode fs.FileMode, want string) bool {
	if info, err := os.Lstat(name); err != nil || info.Mode() != mode {
		return false
	}
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return err == nil && hex.EncodeToString(sum.Sum(nil)) == want
}
