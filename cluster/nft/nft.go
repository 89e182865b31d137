// Package nft runs the program nft, which reads and writes packet rules.
package nft

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Run runs nft in the network that enter runs functions in, with a script to read, and
// returns what it printed. What it complains of is in the error.
func Run(ctx context.Context, enter func(func() error) error, script string, args ...string) (out []byte, err error) {
	err = enter(func() error {
		var complaint bytes.Buffer
		cmd := exec.CommandContext(ctx, "nft", args...)
		cmd.Stdin, cmd.Stderr = strings.NewReader(script), &complaint
		var err error
		if out, err = cmd.Output(); err != nil {
			return fmt.Errorf("nft %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
		}
		return nil
	})
	return out, err
}
