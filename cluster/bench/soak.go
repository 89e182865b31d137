package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"kubarium/cluster"
	"kubarium/cluster/control"
	"kubarium/cluster/fault"
)

// Soak is what a cluster went through, and what that left.
type Soak struct {
	// Seed repeats the same choices.
	Seed    uint64  `json:"seed"`
	Minutes float64 `json:"minutes"`
	// Members is how many members etcd has.
	Members int `json:"etcd_members"`
	// Rounds is how often the cluster was let come to rest, and looked at.
	Rounds int `json:"rounds"`
	// Faults, Holds and Rewinds count what was done to it, Undos those of the rewinds that
	// took back one change, Refused what could not be since something else was broken at
	// that time.
	Faults  map[string]int `json:"faults"`
	Holds   int            `json:"holds"`
	Rewinds int            `json:"rewinds"`
	Undos   int            `json:"undos"`
	Refused int            `json:"refused"`
	// Created counts the acknowledged creations, Lost the objects that were otherwise
	// than acknowledged.
	Created int `json:"created_objects"`
	Lost    int `json:"lost_objects"`
	// Panics are the lines of the logs that tell of one.
	Panics []string `json:"panics"`
	// SlowestRest is the longest that the cluster took to be whole again.
	SlowestRest float64 `json:"slowest_rest_s"`
	// Growth is what the program held more in the last quarter of the rests than in the
	// second: medians of both.
	Growth Growth `json:"growth"`
	// Processes is by how many there were more, containers included, and PSS by how
	// much more memory all of them had, Files by how much of it for mapped files.
	Processes int     `json:"processes"`
	PSS       float64 `json:"pss_mib"`
	Files     float64 `json:"pss_files_mib"`
	// Rests are what was measured each time.
	Rests []Rest `json:"rests"`
}

// Rest is what the cluster held at rest.
type Rest struct {
	// At is the time since the start, Took how long it took to be whole.
	At   float64 `json:"at_s"`
	Took float64 `json:"took_s"`
	control.Process
	Processes int     `json:"processes"`
	PSS       float64 `json:"pss_mib"`
	Files     float64 `json:"pss_files_mib"`
}

// SoakOptions say how to soak.
type SoakOptions struct {
	// Self is the program, and Dir a new directory.
	Self, Dir string
	For       time.Duration
	Seed      uint64
	// Told, when set, is told what is done, from any goroutine.
	Told func(line string)
}

// whole reports whether the cluster is one in which every fault of the catalogue can be: with
// three members of etcd, and a node whose disk can be full. Half of the seeds say so; the others
// have what a cluster has unless somebody asks.
func (o SoakOptions) whole() bool { return o.Seed%2 == 1 }

// flags are those of the cluster. A node with a disk of its own comes later.
func (o SoakOptions) flags() []string {
	if o.whole() {
		return []string{"--etcd-members", "3", "--nodes", "2"}
	}
	return nil
}

const (
	// turbulence is how long faults, holds and rewinds go on between two rests.
	turbulence = 25 * time.Second
	// restLimit bounds how long a cluster may take to be whole when nothing is broken or
	// held any more: a container's back-off is the longest of what is waited for, and a busy
	// machine takes minutes for what takes seconds else.
	restLimit = 8 * time.Minute
	// ownDisk is the size of the disk of the node that has one.
	ownDisk = 2 << 30
	// turns is how many faults of each round are not by chance alone.
	turns = 2
)

// soak is a cluster that goes through much.
type soak struct {
	*restarts
	options SoakOptions
	load    *load
	began   time.Time
	// disk is the node that has a disk of its own; "" if there is none.
	disk string
	// next are the faults whose turn it is in this round.
	next []fault.Fault

	mu     sync.Mutex
	result Soak
}

// RunSoak starts a cluster in Dir, does things to it, and ends it. The result is what was
// seen until then, also with an error.
func RunSoak(ctx context.Context, o SoakOptions) (result Soak, err error) {
	layout := cluster.LayoutOf(o.Dir, name)
	s := &soak{
		restarts: &restarts{control: control.NewClient(layout.ControlSocket())}, options: o, began: time.Now(),
		result: Soak{Seed: o.Seed, Members: 1, Faults: map[string]int{}, Panics: []string{}},
	}
	if o.whole() {
		s.result.Members = 3
	}
	if s.cmd, s.exited, err = startHeadless(o.Self, o.Dir, o.flags()...); err != nil {
		return s.result, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err = s.await(ctx, layout); err == nil {
		err = s.run(ctx)
	}
	panics, reading := findPanics(layout.Logs())
	s.result.Panics = append(s.result.Panics, panics...)
	s.result.Minutes = time.Since(s.began).Minutes()
	return s.result, errors.Join(err, reading)
}

// run alternates turbulence and rest until the time is over.
func (s *soak) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-s.exited:
			cancel(errors.New("the program ended"))
		case <-ctx.Done():
		}
	}()
	err := s.rounds(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return errors.Join(cause, err)
	}
	return err
}

func (s *soak) rounds(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	end := time.Now().Add(s.options.For)
	for round := uint64(0); round == 0 || time.Now().Before(end); round++ {
		if err := s.round(ctx, round); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	s.compare()
	return nil
}

// round is one time of turbulence, and the rest after it.
func (s *soak) round(ctx context.Context, round uint64) error {
	s.next = turn(s.options.Seed, round)
	s.load.begin(ctx)
	stormy, cancel := context.WithTimeout(ctx, turbulence)
	defer cancel()
	var actors errgroup.Group
	for i, act := range []func(context.Context, *rand.Rand) error{s.breakSomething, s.holdSomething, s.rewindSomething} {
		random := rand.New(rand.NewPCG(s.options.Seed, round<<8|uint64(i)))
		actors.Go(func() error {
			for stormy.Err() == nil {
				// What is begun comes to its end, or its effects would be unknown.
				if err := act(ctx, random); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := actors.Wait()
	s.load.end()
	if err != nil {
		return err
	}
	return s.rest(ctx)
}

// turn is which faults a round begins with, when nothing else is broken that could refuse them:
// one after the other, in an order that the seed decides, so that each fault has its turn.
func turn(seed, round uint64) []fault.Fault {
	all := fault.Catalogue()
	random := rand.New(rand.NewPCG(seed, 1<<63))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var these []fault.Fault
	for i := range uint64(turns) {
		these = append(these, all[(round*turns+i)%uint64(len(all))])
	}
	return these
}

// compare tells what grew: from the second quarter of the rests, as caches fill in the
// first, to the last one. Of each it takes the middle: what ended lately, such as an API
// server, is in memory for a minute more.
func (s *soak) compare() {
	r := &s.result
	r.Rounds = len(r.Rests)
	n := len(r.Rests)
	before, after := r.Rests[n/4:max(n/2, n/4+1)], r.Rests[min(n-n/4, n-1):]
	grew := func(of func(Rest) float64) float64 { return middle(after, of) - middle(before, of) }
	r.Growth = Growth{
		Goroutines:  int(grew(func(r Rest) float64 { return float64(r.Goroutines) })),
		Descriptors: int(grew(func(r Rest) float64 { return float64(r.Descriptors) })),
		Heap:        grew(func(r Rest) float64 { return float64(r.Heap) / (1 << 20) }),
	}
	r.Processes = int(grew(func(r Rest) float64 { return float64(r.Processes) }))
	r.PSS = grew(func(r Rest) float64 { return r.PSS })
	r.Files = grew(func(r Rest) float64 { return r.Files })
}

// middle is the median of what rests have.
func middle(rests []Rest, of func(Rest) float64) float64 {
	var values []float64
	for _, r := range rests {
		values = append(values, of(r))
	}
	return median(values)
}

// tell says what is done, with the time.
func (s *soak) tell(format string, values ...any) {
	if s.options.Told != nil {
		s.options.Told(fmt.Sprintf("%7.1fs  ", time.Since(s.began).Seconds()) + fmt.Sprintf(format, values...))
	}
}

// count notes what was done, or that it was refused.
func (s *soak) count(err error, note func(*Soak)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.result.Refused++
		return
	}
	note(&s.result)
}
