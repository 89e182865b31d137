package play

import (
	"path/filepath"
	"testing"
	"time"
)

// TestProgressIsReadWhileItIsWritten has a disk that takes its time: who draws the list of lessons does not wait
// for it.
func TestProgressIsReadWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "progress.json")
	p, err := OpenProgress(path)
	if err != nil {
		t.Fatal(err)
	}
	writing, write, saved, read := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan Record, 1)
	p.WriteAs(func(do func() error) error {
		close(writing)
		<-write
		return do()
	})
	go func() { saved <- p.save("first-pod", &Record{Step: "look"}) }()
	<-writing
	go func() { read <- p.Lesson("first-pod") }()
	select {
	case r := <-read:
		if r.Step != "look" {
			t.Errorf("it remembers %+v", r)
		}
	case <-time.After(30 * time.Second):
		t.Error("to read waits for the disk")
	}
	close(write)
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	if p, err = OpenProgress(path); err != nil || p.Lesson("first-pod").Step != "look" {
		t.Errorf("what was written is not there: %v", err)
	}
}
