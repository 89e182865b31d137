package play

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"kubarium/lessons"
)

// mutation is how long a step is left alone to prove that time does not solve it.
const mutation = 5 * time.Second

// How says how lessons are tested.
type How struct {
	// Parallel is how many are played side by side; lessons that change what
	// all depend on are played alone, after the others.
	Parallel int
	// Mutate leaves each step's solution out first, and wants that noticed.
	Mutate bool
	// Thorough resets each step, and not only the last where a reset replays
	// those before it.
	Thorough bool
	// Seed chooses the values of lessons that vary; with 0 they have their first. Values
	// plays them until each value was met.
	Seed   uint64
	Values bool
}

// variants are the lessons to play for one: itself, or, where it varies, what How wants.
func (h How) variants(lesson *lessons.Lesson) ([]*lessons.Lesson, error) {
	if !lesson.Varies() {
		return []*lessons.Lesson{lesson}, nil
	}
	choices := lesson.Variants()[:1]
	switch {
	case h.Values:
		choices = lesson.Variants()
	case h.Seed != 0:
		choices = []lessons.Choice{lesson.Draw(Seeded(h.Seed), nil)}
	}
	var all []*lessons.Lesson
	for _, choice := range choices {
		variant, err := lesson.With(choice)
		if err != nil {
			return nil, err
		}
		all = append(all, variant)
	}
	return all, nil
}

// play are the lessons to play, in the order in which their results are told, and the order in
// which they begin: one in a namespace waits for another there, so that what differs in its
// values only is best far apart.
func (h How) play(list []*lessons.Lesson) (all []*lessons.Lesson, order []int, err error) {
	var rounds [][]int
	for _, l := range list {
		variants, err := h.variants(l)
		if err != nil {
			return nil, nil, err
		}
		for n, variant := range variants {
			if n == len(rounds) {
				rounds = append(rounds, nil)
			}
			rounds[n] = append(rounds[n], len(all))
			all = append(all, variant)
		}
	}
	return all, slices.Concat(rounds...), nil
}

// Envs makes the world for one lesson, and what ends it.
type Envs func() (Env, func(), error)

// Test plays lessons as TestLesson does, side by side, and proves at the end
// that the cluster holds nothing that it did not hold before. Results are in
// the order of the lessons.
func Test(ctx context.Context, list []*lessons.Lesson, envs Envs, how How, out io.Writer) ([]Result, error) {
	env, done, err := envs()
	if err != nil {
		return nil, err
	}
	defer done()
	before, err := takeInventory(ctx, env)
	if err != nil {
		return nil, err
	}
	list, order, err := how.play(list)
	if err != nil {
		return nil, err
	}
	r := &runner{spaces: map[string]*sync.Mutex{}, envs: envs, how: how, out: out, results: make([]Result, len(list))}
	r.sideBySide(ctx, list, order)
	for i, l := range list {
		if l.Alone {
			r.one(ctx, i, l, false, func() {})
		}
	}
	if ctx.Err() != nil {
		return r.results, fmt.Errorf("the test was interrupted: %w", errors.Join(ctx.Err(), r.err))
	}
	if r.err != nil {
		return r.results, r.err
	}
	left, err := before.left(ctx, env)
	if err != nil {
		return r.results, err
	}
	if len(left) > 0 {
		r.results = append(r.results, Result{Lesson: "all", Title: "What is left in the cluster", Problems: left})
	}
	return r.results, nil
}

type runner struct {
	envs    Envs
	how     How
	out     io.Writer
	mu      sync.Mutex
	results []Result
	err     error
	// spaces are the namespaces in which lessons are being played: one at a time in each.
	spaces map[string]*sync.Mutex
}

// enter waits until nobody plays in a lesson's namespace, and returns what leaves it.
func (r *runner) enter(lesson *lessons.Lesson) (leave func()) {
	r.mu.Lock()
	space := r.spaces[lesson.Namespace]
	if space == nil {
		space = &sync.Mutex{}
		r.spaces[lesson.Namespace] = space
	}
	r.mu.Unlock()
	if lesson.Namespace == "" {
		return func() {}
	}
	space.Lock()
	return space.Unlock
}

// sideBySide plays the lessons that bear others beside them. The next one begins when one of them
// begins to tidy up: that is mostly waiting, for a namespace to go.
func (r *runner) sideBySide(ctx context.Context, list []*lessons.Lesson, order []int) {
	turns := make(chan struct{}, max(1, r.how.Parallel))
	var playing sync.WaitGroup
	for _, i := range order {
		l := list[i]
		if l.Alone {
			continue
		}
		turns <- struct{}{}
		played := sync.OnceFunc(func() { <-turns })
		playing.Go(func() {
			defer played()
			tidying := func() {}
			if r.how.Parallel > 1 {
				tidying = played
			}
			r.one(ctx, i, l, r.how.Parallel > 1, tidying)
		})
	}
	playing.Wait()
}

// one plays a lesson, and tells of it when it has ended, so that lessons played
// side by side do not tell in each other's words.
func (r *runner) one(ctx context.Context, i int, lesson *lessons.Lesson, shared bool, tidying func()) {
	defer r.enter(lesson)()
	if ctx.Err() != nil {
		return
	}
	var told bytes.Buffer
	result, err := r.play(ctx, lesson, shared, tidying, &told)
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = told.WriteTo(r.out)
	r.results[i] = result
	if err != nil {
		r.err = errors.Join(r.err, fmt.Errorf("test lesson %s: %w", lesson.ID, err))
	}
}

func (r *runner) play(ctx context.Context, lesson *lessons.Lesson, shared bool, tidying func(), out io.Writer) (Result, error) {
	env, done, err := r.envs()
	env.Shared = shared
	if err != nil {
		return Result{}, err
	}
	defer done()
	return testLesson(ctx, lesson, env, r.how, out, notes{tidying: tidying})
}
