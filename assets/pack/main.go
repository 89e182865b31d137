// Command pack compresses the helper programs for embedding, and writes what their
// bytes must be.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	out := flag.String("out", "", "directory that is embedded")
	flag.Parse()
	if err := pack(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pack helpers:", err)
		os.Exit(1)
	}
}

func pack(out string, programs []string) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	sums := make(map[string]string)
	for _, path := range programs {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := filepath.Base(path)
		sum := sha256.Sum256(data)
		sums[name] = hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(out, name+".zst"), encoder.EncodeAll(data, nil), 0o644); err != nil {
			return err
		}
	}
	manifest, err := json.MarshalIndent(sums, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "SHA256.json"), append(manifest, '\n'), 0o644)
}
