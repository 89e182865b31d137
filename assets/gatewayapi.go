package assets

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

// GatewayAPI returns the custom resource definitions of the Gateway API, a JSON list.
func GatewayAPI() ([]byte, error) {
	compressed, err := fs.ReadFile(embedded, embeddedDir+"/gateway-api.json.zst")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("read Gateway API: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("unpack Gateway API: %w", err)
	}
	defer decoder.Close()
	data, err := decoder.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack Gateway API: %w", err)
	}
	return data, nil
}
