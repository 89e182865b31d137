package play

import (
	"io"
	"strings"
	"testing"
)

// TestLimitedLosesNothing proves that what a program printed is kept, though another stream of it ends later
// and empty, and that no more is kept than there is room for.
func TestLimitedLosesNothing(t *testing.T) {
	var out limited
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(&out, reader)
		ended <- err
	}()
	// The other stream is being read when this one comes.
	if _, err := writer.Write(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&out, strings.NewReader("Hello")); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if err := <-ended; err != nil || out.String() != "Hello" {
		t.Errorf("%q is kept: %v", out.String(), err)
	}
	if _, err := io.Copy(&out, strings.NewReader(strings.Repeat("x", 2*probeBytes))); err != nil || len(out.String()) != probeBytes {
		t.Errorf("%d bytes are kept: %v", len(out.String()), err)
	}
}
