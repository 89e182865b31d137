package inspect

import (
	"context"
	"errors"
	"time"
)

// pause is between two looks: what changes meanwhile is one change.
const pause = 500 * time.Millisecond

// Watch calls look, and again whenever follow tells that something has changed, until ctx or
// follow ends, or look returns an error. Follow begins after the first look, which may find
// out what is to be followed.
func Watch(ctx context.Context, look func(context.Context) error, follow func(ctx context.Context, changed func()) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := look(ctx); err != nil {
		return err
	}
	// What changed before anybody listened is seen by the second look.
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	changed <- struct{}{}
	go func() {
		ended <- follow(ctx, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	for {
		select {
		case <-time.After(pause):
		case err := <-ended:
			return err
		}
		select {
		case <-changed:
		case err := <-ended:
			return err
		}
		if err := look(ctx); err != nil {
			cancel()
			return errors.Join(err, ignoreCanceled(<-ended))
		}
	}
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
