// Package wholefile replaces files as a whole: whoever reads one, and whatever crash comes,
// finds the old content or the new, and never a part.
package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces the file at path by one with the data and the mode.
func Write(path string, mode fs.FileMode, data []byte) error {
	return Stream(path, mode, content(data))
}

// WriteIn replaces the file of that name in root, whatever links others put there.
func WriteIn(root *os.Root, name string, mode fs.FileMode, data []byte) error {
	return stream(name, content(data), renameio.WithRoot(root), renameio.WithStaticPermissions(mode))
}

func content(data []byte) func(*os.File) error {
	return func(file *os.File) error {
		_, err := file.Write(data)
		return err
	}
}

// Stream replaces the file at path by what write puts into the new one, which it may also
// give another owner. After an error the old file is as it was.
func Stream(path string, mode fs.FileMode, write func(*os.File) error) error {
	// Beside the old one, and nowhere else: no other directory is sure to be on its disk.
	return stream(path, write, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
}

func stream(path string, write func(*os.File) error, options ...renameio.Option) error {
	file, err := renameio.NewPendingFile(path, options...)
	if err != nil {
		return err
	}
	if err := write(file.File); err != nil {
		return errors.Join(err, file.Cleanup())
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return errors.Join(err, file.Cleanup())
	}
	return nil
}
