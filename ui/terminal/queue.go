package terminal

import (
	"io"
	"sync"
)

// queueSize bounds what waits for a process that does not read, in bytes.
const queueSize = 1 << 20

// queue is a pipe that never makes the writer wait: what has no room is dropped and
// counted.
type queue struct {
	mu      sync.Mutex
	filled  *sync.Cond
	bytes   []byte
	dropped int
	closed  bool
}

func newQueue() *queue {
	q := &queue{}
	q.filled = sync.NewCond(&q.mu)
	return q
}

func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	// Whoever writes to a closed one still has to get rid of it: the emulator waits until its
	// answers are taken, and keys are typed until the end of the program is known.
	case q.closed, len(q.bytes)+len(p) > queueSize:
		q.dropped += len(p)
	default:
		q.bytes = append(q.bytes, p...)
		q.filled.Signal()
	}
	return len(p), nil
}

func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.bytes) == 0 && !q.closed {
		q.filled.Wait()
	}
	if len(q.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, q.bytes)
	q.bytes = append(q.bytes[:0], q.bytes[n:]...)
	return n, nil
}

func (q *queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}

// Dropped is how many bytes had no room.
func (q *queue) Dropped() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
