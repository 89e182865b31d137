package images

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// check reads the whole image, and compares everything in it with its digests: those
// in the manifest are what a node verifies when it pulls, those in the configuration
// when it unpacks.
func check(image v1.Image) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	raw, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	if err := compare("configuration", manifest.Config.Digest, opened(raw)); err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	if len(layers) != len(config.RootFS.DiffIDs) {
		return fmt.Errorf("its manifest has %d layers, its configuration %d", len(layers), len(config.RootFS.DiffIDs))
	}
	for i, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		if err := compare("layer", digest, layer.Compressed); err != nil {
			return err
		}
		if err := compare("content of layer", config.RootFS.DiffIDs[i], layer.Uncompressed); err != nil {
			return err
		}
	}
	return nil
}

func compare(what string, want v1.Hash, open func() (io.ReadCloser, error)) error {
	reader, err := open()
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, want, err)
	}
	got, _, err := v1.SHA256(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		return fmt.Errorf("%s %s: %w", what, want, err)
	}
	if got != want {
		return fmt.Errorf("%s %s: it is damaged, its digest is %s", what, want, got)
	}
	return nil
}

// opened makes data look like a file that can be opened.
func opened(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}
