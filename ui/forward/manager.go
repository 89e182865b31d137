// Package forward keeps forwards of ports of this machine to pods: list, start, stop. Each
// listens on loopback only, and ends with the manager. One to a service, or to what stands
// for pods, finds another pod when its own is gone.
package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/watch"
)

// Spec says what is forwarded.
type Spec struct {
	// To is a pod, a service or what stands for pods.
	To watch.Ref
	// Local is the port of this machine, 0 any that is free; Remote is that of the object.
	Local, Remote int
}

// State of a forward.
type State string

// The states.
const (
	Listening State = "listening"
	Stopped   State = "stopped"
	Failing   State = "failing" // it listens, and the last connection came to nothing
)

// Info is what there is to know about a forward.
type Info struct {
	ID int
	Spec
	State State
	// Target is where the last connection went.
	Target Target
	// Open of Total connections are in use. In are the bytes to the pod, Out those from it.
	Open, Total, In, Out int64
	// Err is why the last connection failed, or why nothing is forwarded.
	Err string
}

// Address is where it listens.
func (i Info) Address() string { return net.JoinHostPort(loopback, strconv.Itoa(i.Local)) }

const loopback = "127.0.0.1"

// Pods finds pods and connects to their ports.
type Pods interface {
	// Find is a pod that takes what is sent to a port of the object: the same as before,
	// if it still does.
	Find(ctx context.Context, to watch.Ref, port int, before Target) (Target, error)
	// Dial connects to a pod; all connections to its ports go through it.
	Dial(namespace, pod string) (Tunnel, error)
}

// Target is a port of a pod.
type Target struct {
	Pod  string
	UID  types.UID
	Port int
}

// Manager has all forwards.
type Manager struct {
	ctx  context.Context
	pods Pods

	mu      sync.Mutex
	last    int
	list    []*forward
	running sync.WaitGroup
	// changed holds a token while there is something new to tell.
	changed chan struct{}
}

// forward is one of them. Its fields below mu are guarded by it.
type forward struct {
	id        int
	spec      Spec
	open, all atomic.Int64
	in, out   atomic.Int64
	// dialing lets one connection at a time look for the pod.
	dialing sync.Mutex

	mu    sync.Mutex
	state State
	err   string
	// failed is the number of the last connection that failed: one from before that ends well
	// says nothing of now.
	failed int64
	target Target
	// tunnel leads to the target, nil if there is none; old ones are in use by connections
	// that were there before.
	tunnel   Tunnel
	old      []Tunnel
	listener net.Listener
	cancel   context.CancelFunc
}

// New makes a manager whose forwards end with ctx.
func New(ctx context.Context, pods Pods) *Manager {
	return &Manager{ctx: ctx, pods: pods, changed: make(chan struct{}, 1)}
}

// Wait waits until nothing of the manager runs; its context must have ended.
func (m *Manager) Wait() { m.running.Wait() }

// Changed has a token when List tells something new.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

func (m *Manager) tell() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Start begins to forward, and tells where it listens.
func (m *Manager) Start(s Spec) (Info, error) {
	f := &forward{spec: s, state: Stopped}
	if err := m.listen(f); err != nil {
		return Info{}, err
	}
	m.mu.Lock()
	m.last++
	f.id = m.last
	m.list = append(m.list, f)
	m.mu.Unlock()
	m.tell()
	return f.info(), nil
}

var errGone = errors.New("there is no such forward: it was removed")

func (m *Manager) find(id int) (*forward, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.list {
		if f.id == id {
			return f, nil
		}
	}
	return nil, errGone
}

// Again lets a stopped forward go on.
func (m *Manager) Again(id int) error {
	f, err := m.find(id)
	if err != nil {
		return err
	}
	defer m.tell()
	return m.listen(f)
}

// Stop ends a forward and its connections; it stays in the list.
func (m *Manager) Stop(id int) error {
	f, err := m.find(id)
	if err != nil {
		return err
	}
	f.stop(nil)
	m.tell()
	return nil
}

// Remove ends a forward and forgets it.
func (m *Manager) Remove(id int) error {
	if err := m.Stop(id); err != nil {
		return err
	}
	m.mu.Lock()
	m.list = slices.DeleteFunc(m.list, func(f *forward) bool { return f.id == id })
	m.mu.Unlock()
	m.tell()
	return nil
}

// List is all forwards, the oldest first.
func (m *Manager) List() []Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Info, 0, len(m.list))
	for _, f := range m.list {
		list = append(list, f.info())
	}
	return list
}

// listen opens the port, and takes connections until the forward is stopped.
func (m *Manager) listen(f *forward) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != nil {
		return nil
	}
	if m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort(loopback, strconv.Itoa(f.spec.Local)))
	if err != nil {
		return fmt.Errorf("open port %d of this machine: %w. Choose another", f.spec.Local, err)
	}
	f.spec.Local = listener.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(m.ctx)
	f.listener, f.cancel, f.state, f.err = listener, cancel, Listening, ""
	m.running.Go(func() {
		<-ctx.Done()
		f.stop(listener)
	})
	m.running.Go(func() { m.accept(ctx, f, listener) })
	return nil
}

// stop ends the forward, or no more than what listens there.
func (f *forward) stop(only net.Listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener == nil || only != nil && only != f.listener {
		return
	}
	f.cancel()
	_ = f.listener.Close() // nothing of it is needed any more
	f.retire()
	f.closeOld()
	f.listener, f.state = nil, Stopped
}

// retire leaves the tunnel to those who use it; f.mu is held.
func (f *forward) retire() {
	if f.tunnel != nil {
		f.old = append(f.old, f.tunnel)
	}
	f.tunnel, f.target = nil, Target{}
}

// closeOld closes what nobody uses any more; f.mu is held.
func (f *forward) closeOld() {
	for _, t := range f.old {
		_ = t.Close() // nothing goes through it
	}
	f.old = nil
}

func (f *forward) info() Info {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Info{
		ID: f.id, Spec: f.spec, State: f.state, Target: f.target, Err: f.err,
		Open: f.open.Load(), Total: f.all.Load(), In: f.in.Load(), Out: f.out.Load(),
	}
}
