package storage

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"

	"kubarium/cluster/component"
)

// Name is the component's name, and User the one under which it asks the API server.
const (
	Name = "storage-provisioner"
	User = "system:storage-provisioner"
)

// Class is what storage classes name as their provisioner.
const Class = "kubarium.dev/node-disk"

// nodeAnnotation tells on which node's disk a volume is.
const nodeAnnotation = "kubarium.dev/node"

// Provisioner is the component.
type Provisioner struct {
	client kubernetes.Interface
	disks  disks
	log    *slog.Logger

	mu     sync.Mutex
	cancel context.CancelFunc
	// synced is closed when claims are seen, done when all has ended.
	synced, done chan struct{}
}

var _ component.Component = (*Provisioner)(nil)

// New returns a provisioner that is not started. openVar opens a node's /var;
// where there is none now the error is ErrNoDisk.
func New(client kubernetes.Interface, openVar func(node string) (*os.Root, error), log *slog.Logger) *Provisioner {
	return &Provisioner{client: client, disks: disks{openVar: openVar}, log: log}
}

// Name is the component's name.
func (p *Provisioner) Name() string { return Name }

// Start begins to make volumes.
func (p *Provisioner) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil {
		return nil
	}
	life, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.FromSlogHandler(p.log.Handler())))
	// Upstream makes informers of its own unless it is given some.
	factory := informers.NewSharedInformerFactory(p.client, 0)
	claims := factory.Core().V1().PersistentVolumeClaims().Informer()
	volumes := factory.Core().V1().PersistentVolumes()
	events := record.NewBroadcaster(record.WithContext(life))
	events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: p.client.CoreV1().Events("")})
	lost := &lost{volumes: volumes.Lister(), recorder: events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: Name})}
	if _, err := factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: lost.nodeDeleted}); err != nil {
		cancel()
		return fmt.Errorf("start %s: %w", Name, err)
	}
	workers := &sync.WaitGroup{}
	provision := controller.NewProvisionController(life, p.client, Class, p.disks,
		controller.LeaderElection(false), controller.MetricsPort(0), controller.AddFinalizer(true),
		controller.ClaimsInformer(claims), controller.VolumesInformer(volumes.Informer()),
		controller.ClassesInformer(factory.Storage().V1().StorageClasses().Informer()),
		// A learner who mends a claim should not wait for the default's quarter of a minute.
		controller.RateLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[string](time.Second, time.Minute)),
		// Upstream gives up after so many attempts, for good.
		controller.FailedProvisionThreshold(0), controller.FailedDeleteThreshold(0))
	provision.ControllerWaitGroup(workers)
	synced, done := make(chan struct{}), make(chan struct{})
	p.cancel, p.synced, p.done = cancel, synced, done
	factory.Start(life.Done())
	go func() {
		defer close(done)
		// Not waited for: after the API server was away, an informer may sleep for half a
		// minute before it looks whether it is to end.
		defer func() { go factory.Shutdown() }()
		defer events.Shutdown()
		defer workers.Wait()
		provision.Run(life)
	}()
	go func() {
		if factory.WaitForCacheSyncWithContext(life).Err == nil {
			close(synced)
		}
	}()
	return nil
}

// Ready waits until the provisioner sees all claims.
func (p *Provisioner) Ready(ctx context.Context) error {
	p.mu.Lock()
	synced := p.synced
	p.mu.Unlock()
	if synced == nil {
		return fmt.Errorf("%s is not started", Name)
	}
	select {
	case <-synced:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", Name, ctx.Err())
	}
}

// Health is good while the provisioner runs: it serves nothing that could be asked.
func (p *Provisioner) Health(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		return fmt.Errorf("%s is not running", Name)
	}
	return nil
}

// Stop ends the provisioner, and waits until it has.
func (p *Provisioner) Stop(ctx context.Context) error {
	p.mu.Lock()
	cancel, done := p.cancel, p.done
	p.cancel, p.synced, p.done = nil, nil, nil
	p.mu.Unlock()
	if done == nil {
		return nil
	}
	cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", Name, ctx.Err())
	}
}
