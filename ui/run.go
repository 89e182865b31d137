package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/ui/forward"
	"kubarium/ui/gauge"
	"kubarium/ui/watch"
)

// usageEvery is how often the costs of the cluster are asked for.
const usageEvery = 10 * time.Second

// Run shows the app until the user quits or ctx ends, and ends what it started.
func Run(ctx context.Context, o Options) error {
	if o.Cluster == nil {
		return errors.New("no cluster to show")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	app := New(o)
	app.ctx.Life = ctx
	// Signals end ctx; a second handler would compete for the end of the program.
	program := tea.NewProgram(app, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFilter(app.filter), tea.WithFPS(framesMost))
	var feeds sync.WaitGroup
	Feed(ctx, o, program.Send, &feeds)
	feeds.Go(func() { onHangup(ctx, os.Stdin, cancel) })
	_, err := program.Run()
	cancel()
	if o.Remember != nil {
		o.Remember(app.remember())
	}
	app.close()
	patiently(&feeds)
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("terminal app: %w", err)
	}
	return nil
}

// framesMost is how often in a second the terminal is written to at most. A key then waits
// for its frame for 8 ms and not for 17; a frame that equals the last one is not written.
const framesMost = 120

// endTime is how long what tells the app about the cluster may take to end: a
// request that nobody answers must not hold up the user who leaves.
const endTime = 3 * time.Second

func patiently(feeds *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		feeds.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(endTime):
	}
}

// userAgent tells the app's own requests, which the user makes, from others of this
// program.
const userAgent = "kubarium-app"

// Feed starts what tells the app about the cluster, through send, until ctx ends.
func Feed(ctx context.Context, o Options, send func(tea.Msg), running *sync.WaitGroup) {
	running.Go(func() { feedComponents(ctx, o.Cluster, send) })
	running.Go(func() { feedObjects(ctx, o, send) })
	running.Go(func() {
		err := o.Cluster.Ready(ctx)
		if ctx.Err() == nil {
			send(readyMsg{err: err})
		}
	})
	if o.Faults != nil {
		running.Go(func() { feedFaults(ctx, o.Faults, send) })
	}
	if o.Holds != nil {
		running.Go(func() { feedHolds(ctx, o.Holds, send) })
	}
	if o.Usage != nil {
		running.Go(func() { feedUsage(ctx, o.Usage, send) })
	}
}

// feedComponents sends all states whenever one changes. Changes that come in a
// burst are sent as one.
func feedComponents(ctx context.Context, c Cluster, send func(tea.Msg)) {
	changes := c.Watch(ctx)
	send(componentsMsg(c.Components()))
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-changes:
			if !ok {
				return
			}
		}
		for len(changes) > 0 {
			<-changes
		}
		send(componentsMsg(c.Components()))
	}
}

// feedObjects waits for the API server and then follows the cluster's objects.
func feedObjects(ctx context.Context, o Options, send func(tea.Msg)) {
	config, err := o.Cluster.RESTConfig(ctx)
	if err != nil {
		if ctx.Err() == nil {
			send(problemMsg{err: err})
		}
		return
	}
	health := watch.NewHealth()
	config = health.Config(config)
	config.UserAgent = userAgent
	newClient := o.NewClient
	if newClient == nil {
		newClient = func(c *rest.Config) (kubernetes.Interface, error) { return kubernetes.NewForConfig(c) }
	}
	client, err := newClient(config)
	if err != nil {
		send(problemMsg{err: fmt.Errorf("client of the API server: %w", err)})
		return
	}
	msg := connectedMsg{config: config, client: client}
	if v, err := client.Discovery().ServerVersion(); err == nil {
		msg.version = v.GitVersion
	}
	msg.forwards = forward.New(ctx, forward.FromServer(client, config))
	msg.namespace = onlyNamespace(ctx, client, o.Cluster)
	msg.gauges = gauge.New(o.Trace, client.Discovery().RESTClient(), msg.namespace)
	send(msg)
	var others sync.WaitGroup
	others.Go(func() { msg.gauges.Run(ctx, func(r gauge.Report) { send(r) }) })
	others.Go(func() { feedForwards(ctx, msg.forwards, send) })
	defer others.Wait()
	watcher, err := newClient(inProtobuf(config))
	if err != nil {
		send(problemMsg{err: fmt.Errorf("client of the API server: %w", err)})
		return
	}
	store := watch.Store{Client: watcher, Health: health, Ask: watch.Ask(client), Namespace: msg.namespace}
	store.Run(ctx, send)
}

// inProtobuf is for a client of built-in kinds alone: the API server writes those, and the
// app reads them, in a fraction of the time that JSON takes.
func inProtobuf(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.ContentType = runtime.ContentTypeProtobuf
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return c
}

// onlyNamespace is the one to show to somebody who may not see the pods of all: that of
// the kubeconfig's context.
func onlyNamespace(ctx context.Context, client kubernetes.Interface, c Cluster) string {
	scoped, ok := c.(interface{ Namespace() string })
	if !ok {
		return ""
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"},
	}}
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil || answer.Status.Allowed {
		return ""
	}
	return scoped.Namespace()
}

func feedUsage(ctx context.Context, usage func() (float64, float64), send func(tea.Msg)) {
	tick := time.NewTicker(usageEvery)
	defer tick.Stop()
	for {
		cpu, mem := usage()
		send(usageMsg{cpu: cpu, mem: mem})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
