package bench

import (
	"errors"
	"fmt"
)

// A soak grows by no more than this, from the second quarter of its rests to the last. Runs of
// ten minutes to two hours on busy machines stayed well below each, see docs/RELIABILITY.md: what
// passes this is no noise.
const (
	mostGoroutines  = 250
	mostDescriptors = 40
	mostHeap        = 60
	mostProcesses   = 3
	// mostOwn is in MiB, without mapped files: the kernel takes those back, and etcd's grows
	// for an hour.
	mostOwn = 250
	// Shorter soaks, and those that seldom came to rest, only show how caches fill.
	leastMinutes, leastRests = 10, 8
)

// Trouble says what should not have been.
func (s Soak) Trouble() error {
	var errs []error
	if s.Lost > 0 {
		errs = append(errs, fmt.Errorf("%d of %d objects were lost", s.Lost, s.Created))
	}
	for _, line := range s.Panics {
		errs = append(errs, fmt.Errorf("a panic: %s", line))
	}
	return errors.Join(append(errs, s.leaks()...)...)
}

// leaks says what grew too much.
func (s Soak) leaks() []error {
	if s.Minutes < leastMinutes || len(s.Rests) < leastRests {
		return nil
	}
	var errs []error
	for _, grown := range []struct {
		what     string
		by, most float64
	}{
		{"goroutines", float64(s.Growth.Goroutines), mostGoroutines},
		{"descriptors", float64(s.Growth.Descriptors), mostDescriptors},
		{"MiB live", s.Growth.Heap, mostHeap},
		{"processes", float64(s.Processes), mostProcesses},
		{"MiB of all processes, mapped files left out", s.PSS - s.Files, mostOwn},
	} {
		if grown.by > grown.most {
			errs = append(errs, fmt.Errorf("something leaks: %.0f %s more in the last quarter than in the second, and at most %.0f are usual", grown.by, grown.what, grown.most))
		}
	}
	return errs
}
