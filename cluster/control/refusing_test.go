package control

import (
	"context"
	"errors"
	"io"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/inspect"
	"kubarium/cluster/process"
	"kubarium/cluster/rewind"
	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// refusing is a cluster that does nothing of what it understands.
type refusing struct {
	faults *fault.Manager
	holds  *hold.Manager
	trace  *trace.Store
	// ended is whether it was asked to end.
	ended bool
}

var _ Cluster = (*refusing)(nil)

var errRefused = errors.New("refused")

func (*refusing) Info() Info { return Info{Name: "refusing"} }
func (*refusing) Watch(context.Context) <-chan component.Info {
	none := make(chan component.Info)
	close(none)
	return none
}
func (*refusing) AddNode(context.Context, int64) (string, error) { return "", errRefused }
func (*refusing) StartNode(context.Context, string) error        { return errRefused }
func (*refusing) StopNode(context.Context, string) error         { return errRefused }
func (*refusing) KillNode(context.Context, string) error         { return errRefused }
func (*refusing) RemoveNode(context.Context, string) error       { return errRefused }
func (*refusing) StartComponent(context.Context, string) error   { return errRefused }
func (*refusing) StopComponent(context.Context, string) error    { return errRefused }
func (*refusing) EncryptSecrets(context.Context, bool) (Encryption, error) {
	return Encryption{}, errRefused
}
func (*refusing) ListImages() ([]Image, error) { return nil, errRefused }
func (*refusing) LoadImages(context.Context, io.Reader) ([]string, error) {
	return nil, errRefused
}
func (*refusing) AttachHost(string) (Host, func() error, error) { return Host{}, nil, errRefused }
func (*refusing) SaveSnapshot(context.Context, string) (rewind.Snapshot, error) {
	return rewind.Snapshot{}, errRefused
}
func (*refusing) ListSnapshots() ([]rewind.Snapshot, error) { return nil, errRefused }
func (*refusing) RestoreSnapshot(context.Context, string, string) (Rewound, error) {
	return Rewound{}, errRefused
}
func (*refusing) RemoveSnapshot(string) error { return errRefused }
func (*refusing) CompareStates(context.Context, string, string) ([]rewind.Difference, error) {
	return nil, errRefused
}
func (*refusing) Changes() []rewind.Change              { return nil }
func (*refusing) Undo(context.Context) (Rewound, error) { return Rewound{}, errRefused }
func (*refusing) Redo(context.Context) (Rewound, error) { return Rewound{}, errRefused }
func (*refusing) Mark(context.Context, string) error    { return errRefused }
func (*refusing) ReturnTo(context.Context, string, string) (Rewound, error) {
	return Rewound{}, errRefused
}
func (*refusing) WatchService(context.Context, string, string, string, func(inspect.Service) error) error {
	return errRefused
}
func (*refusing) InspectNode(context.Context, string) (inspect.Node, error) {
	return inspect.Node{}, errRefused
}
func (*refusing) InspectContainer(context.Context, string, string, string) (inspect.Container, error) {
	return inspect.Container{}, errRefused
}
func (*refusing) InspectService(context.Context, string, string, string) (inspect.Service, error) {
	return inspect.Service{}, errRefused
}
func (*refusing) InspectPath(context.Context, string, string, string) (inspect.Path, error) {
	return inspect.Path{}, errRefused
}
func (*refusing) FollowPackets(context.Context, string, func()) error { return errRefused }
func (*refusing) FollowRuntime(context.Context, string, func()) error { return errRefused }
func (*refusing) Pending() ([]trace.PendingPod, error)                { return nil, errRefused }
func (*refusing) WorkQueues() ([]trace.WorkQueue, error)              { return nil, errRefused }
func (*refusing) EtcdValue(context.Context, string, int64) (stored.Entry, error) {
	return stored.Entry{}, errRefused
}
func (*refusing) Processes(context.Context, []string) (map[string][]process.Process, error) {
	return nil, errRefused
}
func (*refusing) Freeze(context.Context) error { return errRefused }
func (*refusing) Thaw(context.Context) error   { return errRefused }
func (r *refusing) Trace() *trace.Store        { return r.trace }
func (r *refusing) Faults() *fault.Manager     { return r.faults }
func (r *refusing) Holds() *hold.Manager       { return r.holds }
func (r *refusing) Shutdown()                  { r.ended = true }
