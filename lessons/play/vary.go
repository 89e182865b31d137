package play

import (
	"context"
	"fmt"
	"math/rand/v2"

	"kubarium/lessons"
)

// attempt is the lesson with the values of this attempt: those that the record remembers,
// and for a new attempt those that chance gives. A record of values that the lesson no
// longer has is of no use; it is forgotten.
func attempt(lesson *lessons.Lesson, record *Record) (*lessons.Lesson, error) {
	if !lesson.Varies() {
		return lesson, nil
	}
	if record.Step != "" || !record.Finished.IsZero() {
		if varied, err := lesson.With(record.Variables); err == nil {
			return varied, nil
		}
		*record = Record{}
	}
	choice := lesson.Choice
	if choice == nil {
		choice = lesson.Draw(chance(), record.Variables)
	}
	record.Variables = choice
	return lesson.With(choice)
}

// chance is a source of numbers that nobody foresees.
func chance() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }

// Seeded is a source of numbers that are the same for the same seed, so that a class can
// have the same exam.
func Seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// again takes up the lesson with other values than before. It runs on the loop.
func (p *Player) again() error {
	if !p.lesson.Varies() {
		p.record = &Record{}
		return nil
	}
	choice := p.lesson.Draw(chance(), p.record.Variables)
	varied, err := p.lesson.With(choice)
	if err != nil {
		return err
	}
	eval, err := lessons.NewEval(varied, p.store)
	if err != nil {
		return fmt.Errorf("expressions of lesson %s: %w", varied.ID, err)
	}
	p.record = &Record{Variables: choice}
	p.lesson, p.eval = varied, eval
	p.watchMore()
	return nil
}

// watchMore begins to watch what the lesson looks at and is not watched yet.
func (p *Player) watchMore() { p.watch(p.lesson) }

func (p *Player) watch(lesson *lessons.Lesson) {
	for _, res := range lesson.Resources() {
		if !p.watched[res.GroupVersionResource] {
			p.watched[res.GroupVersionResource] = true
			go watch(p.ctx, p.client, res, p.changes)
		}
	}
}

// startOver plays the lesson from its beginning: it undoes the attempt that was, and
// prepares another one.
func (p *Player) startOver(ctx context.Context) error {
	if err := p.tidy(ctx); err != nil {
		return err
	}
	var failed error
	err := p.wait(ctx, func() bool {
		if failed = p.again(); failed == nil {
			p.begun = false
			p.resume()
		}
		return true
	})
	if err != nil || failed != nil {
		return firstOf(err, failed)
	}
	if err := p.wait(ctx, func() bool { return p.store.synced(p.watched) }); err != nil {
		return err
	}
	if err := p.placeFiles(true); err != nil {
		return err
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	p.do(p.mark)
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
