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
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// ErrNotBuilt is returned by a program that was built without its assets.
var ErrNotBuilt = errors.New("this program was built without its helper programs: build it with 'make build'")

// Unpack writes the helper programs into dir, unless they are there, byte by byte.
// What lies there otherwise is replaced: it is run as root.
func Unpack(ctx context.Context, dir string) error {
	data, err := embedded.ReadFile(path.Join(embeddedDir, "SHA256.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotBuilt
	}
	if err != nil {
		return fmt.Errorf("read list of helper programs: %w", err)
	}
	var sums map[string]string
	if err := json.Unmarshal(data, &sums); err != nil {
		return fmt.Errorf("parse list of helper programs: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory of helper programs: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, sum := range sums {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return unpackProgram(filepath.Join(dir, name), name, sum)
		})
	}
	return group.Wait()
}

func unpackProgram(target, name, want string) error {
	if have, err := sumFile(target); err == nil && have == want {
		return nil
	}
	compressed, err := embedded.ReadFile(path.Join(embeddedDir, name+".zst"))
	if err != nil {
		return fmt.Errorf("read helper program %s: %w", name, err)
	}
	decoder, err := zstd.NewReader(strings.NewReader(string(compressed)), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("unpack helper program %s: %w", name, err)
	}
	defer decoder.Close()
	sum := sha256.New()
	err = writeWhole(target, 0o755, func(w io.Writer) error {
		_, err := io.Copy(io.MultiWriter(w, sum), decoder)
		if err == nil && hex.EncodeToString(sum.Sum(nil)) != want {
			err = errors.New("its checksum is wrong: the kubarium program is damaged")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("unpack helper program %s: %w", name, err)
	}
	return nil
}

// UnpackImages writes the bundled images into dir, as an OCI image layout, and returns
// the content of its index. Blobs that are there, by name and size, stay.
func UnpackImages(ctx context.Context, dir string) (index []byte, err error) {
	root := path.Join(embeddedDir, "images")
	index, err = embedded.ReadFile(path.Join(root, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("read bundled images: %w", err)
	}
	err = fs.WalkDir(embedded, path.Join(root, "blobs"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(name, root+"/")))
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if have, err := os.Stat(target); err == nil && have.Size() == info.Size() {
			return nil
		}
		return copyBlob(target, name)
	})
	if err != nil {
		return nil, fmt.Errorf("unpack bundled images: %w", err)
	}
	return index, nil
}

func copyBlob(target, name string) error {
	source, err := embedded.Open(name)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	return writeWhole(target, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, source)
		return err
	})
}

// writeWhole replaces a file only when all of it was written.
func writeWhole(target string, mode fs.FileMode, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(target), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = errors.Join(write(file), file.Chmod(mode), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), target)
}

func sumFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
