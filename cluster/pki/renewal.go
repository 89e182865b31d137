package pki

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// recheck bounds how long Renew sleeps: timers stand still while the machine does, and take
	// no notice where its clock is set, and the lives of its certificates go on. What became due
	// meanwhile waits for no longer than this after the machine woke: an hour is all that some
	// certificates have.
	recheck = time.Minute
	// maxReload is client-go's own interval of looking for new client certificates.
	maxReload = 5 * time.Minute
)

// ShortestLifetime of certificates: with less, one would end before it is renewed and
// everybody has noticed.
const ShortestLifetime = time.Minute

// ReloadInterval is how often clients are to look whether their certificates' files are
// new, so that none is used to its end.
func (s *Store) ReloadInterval() time.Duration { return min(maxReload, s.leafLifetime()/12) }

// renewals are the certificates that are issued anew before they end.
type renewals struct {
	mu   sync.Mutex
	kept map[string]*renewal
	// changed wakes Renew.
	changed chan struct{}
}

type renewal struct {
	renew func() error
	due   time.Time
}

// Keep has renew called, while Renew runs, each time that two thirds of the life of what
// is issued now are over. It replaces what was kept under the name.
func (s *Store) Keep(name string, renew func() error) {
	r := &s.renewals
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[name] = &renewal{renew: renew, due: s.nextDue()}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Forget ends what Keep began.
func (s *Store) Forget(name string) {
	s.renewals.mu.Lock()
	defer s.renewals.mu.Unlock()
	delete(s.renewals.kept, name)
}

// KeepFile issues a certificate into a file of the store that holds its key as well, so
// that whoever reads it has both of one issue, and keeps it.
func (s *Store) KeepFile(name string, issue func() (KeyPair, error)) (path string, err error) {
	path = s.Path(name + ".pem")
	renew := func() error {
		pair, err := issue()
		if err != nil {
			return err
		}
		// Nothing is synced: what a crash of the machine leaves is issued anew by the next
		// start, and a start writes a dozen of these.
		err = os.WriteFile(path+".new", pair.PEM(), 0o600)
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			return fmt.Errorf("write certificate of %s: %w", name, err)
		}
		return nil
	}
	if err := renew(); err != nil {
		return "", err
	}
	s.Keep(name, renew)
	return path, nil
}

// nextDue has no monotonic part: what counts is the calendar.
func (s *Store) nextDue() time.Time { return time.Now().Add(s.leafLifetime() * 2 / 3).Round(0) }

// Renew issues anew what is due, until ctx ends. What fails is told, and tried again.
func (s *Store) Renew(ctx context.Context, told func(name string, err error)) {
	for {
		timer := time.NewTimer(s.untilDue())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.renewals.changed:
			timer.Stop()
		case <-timer.C:
		}
		for name, renew := range s.takeDue() {
			told(name, renew())
		}
	}
}

func (s *Store) untilDue() time.Duration {
	s.renewals.mu.Lock()
	defer s.renewals.mu.Unlock()
	rest := recheck
	for _, k := range s.renewals.kept {
		rest = min(rest, time.Until(k.due))
	}
	return max(rest, 0)
}

// takeDue returns what is to be renewed now. Each is due again when the new one is, or, as
// this one may fail, well before the old one ends.
func (s *Store) takeDue() map[string]func() error {
	s.renewals.mu.Lock()
	defer s.renewals.mu.Unlock()
	due := map[string]func() error{}
	for name, k := range s.renewals.kept {
		if time.Until(k.due) > 0 {
			continue
		}
		k.due = time.Now().Add(s.leafLifetime() / 24).Round(0)
		due[name] = func() error {
			err := k.renew()
			if err == nil {
				s.renewals.mu.Lock()
				defer s.renewals.mu.Unlock()
				k.due = s.nextDue()
			}
			return err
		}
	}
	return due
}
