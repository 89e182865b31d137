// Package tap sees what a node's kubelet does: its calls to the container runtime, its
// mounts, and what it says of pods, probes, volumes and status. It runs in the node, beside
// the kubelet, and hands what it saw to the cluster's process over a socket.
package tap

import (
	"sync"
	"time"

	"kubarium/cluster/trace"
)

// Component is who the events are of.
const Component = "kubelet"

// limit is how many bytes of events wait for the cluster's process; more overwrite the oldest,
// and are counted.
const limit = 1 << 20

// rememberedLimit bounds how many sandboxes and containers the tap knows the pods of.
const rememberedLimit = 4096

// Tap collects what a kubelet does.
type Tap struct {
	node  string
	store *trace.Store

	mu    sync.Mutex
	calls map[string]*Calls
	// owners are the pods of sandboxes and containers, by ID.
	owners map[string]owner
	// probed is how each probe of each container went last.
	probed map[string]string
}

// Calls counts the calls of one method of the container runtime's interface.
type Calls struct {
	Method string `json:"method"`
	Count  uint64 `json:"count"`
	Failed uint64 `json:"failed"`
	// Took is how long all of them took together, Longest the longest one.
	Took    time.Duration `json:"took"`
	Longest time.Duration `json:"longest"`
	Last    time.Time     `json:"last"`
}

// owner is the pod, and perhaps the container of it, behind an ID of the runtime's.
type owner struct {
	pod       trace.Object
	container string
}

// New returns a tap for a node's kubelet.
func New(node string) *Tap {
	return &Tap{node: node, store: trace.NewStoreOf(limit, limit), calls: map[string]*Calls{}, owners: map[string]owner{}, probed: map[string]string{}}
}

// Store is what the tap saw last.
func (t *Tap) Store() *trace.Store { return t.store }

// Counts returns how often each method was called.
func (t *Tap) Counts() []Calls {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Calls, 0, len(t.calls))
	for _, c := range t.calls {
		list = append(list, *c)
	}
	return list
}

// add keeps an event of the kubelet's.
func (t *Tap) add(e trace.Event, source string) {
	e.Component, e.Actor = Component, "system:node:"+t.node
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Fields == nil {
		e.Fields = map[string]string{}
	}
	e.Fields["node"], e.Fields["source"] = t.node, source
	t.store.Add(e)
}

func podObject(namespace, name, uid string) trace.Object {
	return trace.Object{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: namespace, Name: name, UID: uid}
}

func (t *Tap) remember(id string, o owner) {
	if id == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Removals are seen too, so this is for a runtime that was emptied behind our back.
	if len(t.owners) >= rememberedLimit {
		clear(t.owners)
	}
	t.owners[id] = o
}

// again notes how a probe went, and reports whether it went so before.
func (t *Tap) again(probe, result string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, known := t.probed[probe]
	// Nobody tells of the end of probes.
	if !known && len(t.probed) >= rememberedLimit {
		clear(t.probed)
	}
	t.probed[probe] = result
	return known && was == result
}

func (t *Tap) ownerOf(id string) owner {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owners[id]
}

func (t *Tap) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.owners, id)
}

func (t *Tap) knows(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.owners[id]
	return ok
}

// podOf is the pod of a UID, with its name if the kubelet spoke of it before.
func (t *Tap) podOf(uid string) trace.Object {
	if o := t.ownerOf(uid); o.pod.UID != "" {
		return o.pod
	}
	return podObject("", "", uid)
}
