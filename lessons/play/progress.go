package play

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"kubarium/cluster/wholefile"
	"kubarium/lessons"
)

// Progress is the file that remembers all lessons of a learner. Its methods
// are safe for concurrent use; the nil Progress remembers nothing.
type Progress struct {
	path string
	// as runs what writes, with the rights of the file's owner.
	as func(func() error) error

	// writing is held while the file is written, and before mu: who reads must not wait for
	// the disk.
	writing sync.Mutex
	mu      sync.Mutex
	// lessons keeps each record in its written form, so that nobody shares one.
	lessons map[string]json.RawMessage
}

// progressFile is the form on disk.
type progressFile struct {
	Version int                        `json:"version"`
	Lessons map[string]json.RawMessage `json:"lessons"`
}

// Record is what is remembered of one lesson. Steps and lessons go by their
// ids, so that it survives new texts, names and orders.
type Record struct {
	Step     string                 `json:"step,omitempty"`
	Steps    map[string]*StepRecord `json:"steps,omitempty"`
	Started  time.Time              `json:"started,omitzero"`
	Finished time.Time              `json:"finished,omitzero"`
	// Spent is how long the learner was at it, without long pauses.
	Spent time.Duration `json:"spent,omitzero"`
	// Nodes were added for the lesson, and Clock is what the clock was before it.
	Nodes []string      `json:"nodes,omitempty"`
	Clock lessons.Clock `json:"clock,omitempty"`
	// Untidy is set while what the lesson did is not undone yet, though it is finished.
	Untidy bool `json:"untidy,omitempty"`
	// Variables are the values that this attempt has.
	Variables lessons.Choice `json:"variables,omitempty"`
}

// StepRecord is what is remembered of one step.
type StepRecord struct {
	Done     bool  `json:"done,omitempty"`
	Skipped  bool  `json:"skipped,omitempty"`
	Shown    bool  `json:"shown,omitempty"`
	Attempts int   `json:"attempts,omitempty"`
	Hints    []int `json:"hints,omitempty"`
	// Looks are hints to look at something, and HintAt is after how many attempts the
	// newest hint was opened.
	Looks     []Look        `json:"looks,omitempty"`
	HintAt    int           `json:"hintAt,omitempty"`
	Edges     []string      `json:"edges,omitempty"`
	Baselines []string      `json:"baselines,omitempty"`
	Answers   map[int][]int `json:"answers,omitempty"`
}

// Look is a hint to look at something that nobody has looked at. It was opened after so many
// hints of the lesson.
type Look struct {
	After int    `json:"after"`
	Say   string `json:"say"`
}

func (r *StepRecord) looked(say string) bool {
	return slices.ContainsFunc(r.Looks, func(l Look) bool { return l.Say == say })
}

const progressVersion = 1

// OpenProgress reads a progress file; a missing one is empty.
func OpenProgress(path string) (*Progress, error) {
	p := &Progress{path: path, lessons: map[string]json.RawMessage{}, as: func(write func() error) error { return write() }}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lesson progress: %w", err)
	}
	var file progressFile
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("lesson progress %s: %w", path, err)
	}
	if file.Version != progressVersion {
		return nil, fmt.Errorf("lesson progress %s: written by another version of kubarium (format %d, this one reads %d)", path, file.Version, progressVersion)
	}
	for id, record := range file.Lessons {
		if err := json.Unmarshal(record, &Record{}); err != nil {
			return nil, fmt.Errorf("lesson progress %s: lesson %s: %w", path, id, err)
		}
		p.lessons[id] = record
	}
	return p, nil
}

// WriteAs has the file written by as, which runs what it is given with the rights of the
// file's owner.
func (p *Progress) WriteAs(as func(write func() error) error) { p.as = as }

// Lesson returns what is remembered of a lesson.
func (p *Progress) Lesson(id string) Record {
	var r Record
	if p == nil {
		return r
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if raw, ok := p.lessons[id]; ok {
		// OpenProgress and save made sure that it can be read.
		_ = json.Unmarshal(raw, &r)
	}
	return r
}

// save remembers a lesson. It writes the file only if something changed:
// first beside it, then in its place, so that there is always a whole one.
func (p *Progress) save(id string, r *Record) error {
	if p == nil {
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	content, err := p.remember(id, raw)
	if err != nil || content == nil {
		return err
	}
	return p.as(func() error {
		if err := makeDir(filepath.Dir(p.path)); err != nil {
			return err
		}
		return writeFile(p.path, append(content, '\n'))
	})
}

// remember takes over a record, and returns what is to be written; nil if nothing changed.
func (p *Progress) remember(id string, raw json.RawMessage) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes.Equal(raw, p.lessons[id]) {
		return nil, nil
	}
	p.lessons[id] = raw
	return json.Marshal(progressFile{Version: progressVersion, Lessons: p.lessons})
}

func (r *Record) step(id string) *StepRecord {
	if r.Steps == nil {
		r.Steps = map[string]*StepRecord{}
	}
	if r.Steps[id] == nil {
		r.Steps[id] = &StepRecord{}
	}
	return r.Steps[id]
}

// Score counts the questions of a lesson, and those that were answered rightly at the first try.
func (r *Record) Score(lesson *lessons.Lesson) (right, asked int) {
	for i := range lesson.Steps {
		record := r.Steps[lesson.Steps[i].ID]
		for j, q := range lesson.Steps[i].Quiz {
			asked++
			if record != nil && len(record.Answers[j]) > 0 && record.Answers[j][0] == q.Right() && !record.Skipped {
				right++
			}
		}
	}
	return right, asked
}

// Points is what the tasks of an exam have brought.
func (r *Record) Points(exam *lessons.Lesson) int {
	points := 0
	for _, step := range exam.Steps {
		if record := r.Steps[step.ID]; record != nil && record.Done && !record.Skipped {
			points += step.Points
		}
	}
	return points
}

// reset forgets what was done in a step, but not the hints and answers.
func (r *Record) reset(id string) {
	old := r.step(id)
	r.Steps[id] = &StepRecord{Hints: old.Hints, Looks: old.Looks, Answers: old.Answers, Attempts: old.Attempts}
}

// writeFile replaces a file at once, and gives it to the owner of its folder:
// as root, the files of the user behind sudo stay the user's.
func writeFile(path string, content []byte) error {
	return wholefile.Stream(path, 0o644, func(f *os.File) error {
		_, err := f.Write(content)
		return errors.Join(err, adopt(f.Name()))
	})
}

// makeDir makes a folder and those above it, each owned like its parent.
func makeDir(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return adopt(path)
}

// adopt gives a path the owner of the folder that it is in.
func adopt(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if own, err := os.Lstat(path); err == nil {
		if owner, ok := own.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
			return nil // it was made with its owner's rights
		}
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	}
	return nil
}
