package rewind

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"kubarium/cluster/wholefile"
)

// Snapshot is a state that was saved.
type Snapshot struct {
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Revision int64     `json:"revision"`
	// Keys is how many there are.
	Keys int `json:"keys"`
	// Version is the Kubernetes version that stored them.
	Version string `json:"version"`
	// Size of the file, in bytes.
	Size int64 `json:"size"`
}

// suffix of the files: lines of JSON, first the Snapshot and then each KV.
const suffix = ".snapshot.gz"

var goodName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$`)

// Dir is a directory of snapshots.
type Dir string

// ErrNoSnapshot is returned for a name that there is none of.
var ErrNoSnapshot = errors.New("there is no such snapshot")

// path also keeps names from leading elsewhere.
func (d Dir) path(name string) (string, error) {
	if !goodName.MatchString(name) {
		return "", fmt.Errorf("a snapshot cannot be called %q: use small letters, digits, - and ., at most 63 of them", name)
	}
	return filepath.Join(string(d), name+suffix), nil
}

// Save writes a state to a new file.
func (d Dir) Save(s Snapshot, state State) (Snapshot, error) {
	path, err := d.path(s.Name)
	if err != nil {
		return s, err
	}
	if _, err := os.Stat(path); err == nil {
		return s, fmt.Errorf("there is a snapshot %q already: remove it first, or choose another name", s.Name)
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return s, fmt.Errorf("make directory of snapshots: %w", err)
	}
	s.Revision, s.Keys = state.Revision, len(state.Keys)
	if err := wholefile.Stream(path, 0o600, func(file *os.File) error { return write(file, s, state) }); err != nil {
		return s, fmt.Errorf("save snapshot: %w", err)
	}
	return d.head(s.Name)
}

func write(to io.Writer, s Snapshot, state State) error {
	zip := gzip.NewWriter(to)
	encoder := json.NewEncoder(zip)
	if err := encoder.Encode(s); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(state.Keys)) {
		if err := encoder.Encode(state.Keys[key]); err != nil {
			return err
		}
	}
	return zip.Close()
}

// Load reads a snapshot's state.
func (d Dir) Load(name string) (Snapshot, State, error) {
	s, rest, err := d.open(name)
	if err != nil {
		return s, State{}, err
	}
	defer rest.Close()
	state := State{Revision: s.Revision, Keys: make(map[string]KV, s.Keys)}
	for {
		var kv KV
		err := rest.Decode(&kv)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, State{}, damaged(name, err)
		}
		state.Keys[kv.Key] = kv
	}
	if len(state.Keys) != s.Keys {
		return s, State{}, damaged(name, fmt.Errorf("%d keys of %d", len(state.Keys), s.Keys))
	}
	return s, state, nil
}

func damaged(name string, err error) error {
	return fmt.Errorf("snapshot %q is damaged (%w): remove it", name, err)
}

// reader reads what comes after a snapshot's head.
type reader struct {
	*json.Decoder
	file *os.File
}

func (r *reader) Close() error { return r.file.Close() }

func (d Dir) open(name string) (Snapshot, *reader, error) {
	path, err := d.path(name)
	if err != nil {
		return Snapshot{}, nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Snapshot{}, nil, fmt.Errorf("%w: %q; list them with 'kubarium snapshot list'", ErrNoSnapshot, name)
	}
	if err != nil {
		return Snapshot{}, nil, fmt.Errorf("open snapshot: %w", err)
	}
	s, rest, err := readHead(file)
	if err != nil {
		return Snapshot{}, nil, errors.Join(damaged(name, err), file.Close())
	}
	s.Name = name
	return s, &reader{rest, file}, nil
}

func readHead(file *os.File) (Snapshot, *json.Decoder, error) {
	info, err := file.Stat()
	if err != nil {
		return Snapshot{}, nil, err
	}
	zip, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return Snapshot{}, nil, err
	}
	decoder := json.NewDecoder(zip)
	var s Snapshot
	if err := decoder.Decode(&s); err != nil {
		return Snapshot{}, nil, err
	}
	s.Size = info.Size()
	return s, decoder, nil
}

func (d Dir) head(name string) (Snapshot, error) {
	s, rest, err := d.open(name)
	if err != nil {
		return s, err
	}
	return s, rest.Close()
}

// List returns the snapshots, oldest first. What is damaged is left out and told.
func (d Dir) List() ([]Snapshot, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var list []Snapshot
	var errs []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		s, err := d.head(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Snapshot) int { return a.Created.Compare(b.Created) })
	return list, errors.Join(errs...)
}

// Remove deletes a snapshot.
func (d Dir) Remove(name string) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %q; list them with 'kubarium snapshot list'", ErrNoSnapshot, name)
	} else if err != nil {
		return fmt.Errorf("remove snapshot: %w", err)
	}
	return nil
}
