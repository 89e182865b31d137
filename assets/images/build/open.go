package main

import (
	"bytes"
	"io"
)

// opener reads the same bytes again and again.
func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}
