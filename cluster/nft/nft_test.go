package nft

import (
	"errors"
	"strings"
	"testing"
)

// here runs in this network.
func here(f func() error) error { return f() }

func TestRun(t *testing.T) {
	out, err := Run(t.Context(), here, "", "--version")
	if err != nil || !strings.HasPrefix(string(out), "nftables ") {
		t.Errorf("%q, %v", out, err)
	}
	// Only checked, never applied.
	if _, err := Run(t.Context(), here, "add nonsense", "-c", "-f", "-"); err == nil || !strings.HasPrefix(err.Error(), "nft -c -f -: ") || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%v", err)
	}
	nowhere := errors.New("nowhere")
	if _, err := Run(t.Context(), func(func() error) error { return nowhere }, "", "--version"); !errors.Is(err, nowhere) {
		t.Errorf("%v", err)
	}
}
