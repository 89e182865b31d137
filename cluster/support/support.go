// Package support collects what somebody needs who is asked for help with a cluster:
// logs, states and events. No key, token or Secret is in it.
package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxLog is how much of the end of each log is taken.
const maxLog = 8 << 20

// Source is a file of the bundle that is made for it.
type Source struct {
	Name string
	Make func(ctx context.Context, to io.Writer) error
}

// Write puts the sources, and all logs below logDir, into a compressed archive. A source
// that fails is in it with the reason: half a bundle helps as well.
func Write(ctx context.Context, to io.Writer, logDir string, sources []Source) error {
	compressed := gzip.NewWriter(to)
	archive := tar.NewWriter(compressed)
	for _, source := range sources {
		var content bytes.Buffer
		if err := source.Make(ctx, &content); err != nil {
			fmt.Fprintf(&content, "\nnot complete: %v\n", err)
		}
		if err := add(archive, source.Name, Redact(content.Bytes())); err != nil {
			return err
		}
	}
	if err := addLogs(archive, logDir); err != nil {
		return err
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}

func addLogs(archive *tar.Writer, dir string) error {
	// Pods write to the logs of nodes: no link leads out of the directory, whenever it comes.
	logs, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("collect logs: %w", err)
	}
	defer logs.Close()
	err = fs.WalkDir(logs.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		// A log that became a link is no log of ours.
		if err != nil || !entry.Type().IsRegular() || !strings.Contains(entry.Name(), ".log") {
			return err
		}
		content, err := readEnd(logs, path)
		if err != nil {
			return err
		}
		return add(archive, filepath.Join("logs", path), Redact(content))
	})
	if err != nil {
		return fmt.Errorf("collect logs: %w", err)
	}
	return nil
}

// readEnd reads the end of a file, from the begin of a line on.
func readEnd(logs *os.Root, path string) ([]byte, error) {
	// What became a pipe meanwhile is not waited for.
	file, err := logs.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-maxLog)
	content, err := io.ReadAll(io.NewSectionReader(file, from, maxLog))
	if err != nil {
		return nil, err
	}
	if from > 0 {
		_, content, _ = bytes.Cut(content, []byte("\n"))
	}
	return content, nil
}

func add(archive *tar.Writer, name string, content []byte) error {
	header := &tar.Header{Name: filepath.Join("kubarium-support", name), Mode: 0o600, Size: int64(len(content)), ModTime: time.Now()}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	if _, err := archive.Write(content); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}
