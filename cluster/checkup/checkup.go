// Package checkup tests the services of a running cluster end to end, as a user of them
// would: with pods of its own, in a namespace that it makes and removes.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// limit bounds each check, and setting up or clearing away all of them.
const limit = 45 * time.Second

// again is how long a check waits before it tries once more.
const again = 200 * time.Millisecond

// Options say what to check.
type Options struct {
	Config *rest.Config
	// Unready are the components that don't do their work, with what they say.
	Unready func(context.Context) ([]string, error)
	// The services that the cluster is to have, beside those that all have.
	LoadBalancer, Ingress, Metrics, Storage, NetworkPolicy bool
}

// Result is what one check found.
type Result struct {
	// What was tested, and How.
	What, How string
	// Err is nil if it works.
	Err  error
	Took time.Duration
}

// check is one test; it is to fail when the thing does not work.
type check struct {
	what, how string
	run       func(context.Context, *ward) error
}

// ward is where checks work: the namespace with a pod on each node.
type ward struct {
	options Options
	client  kubernetes.Interface
	name    string
	// pods by node.
	pods map[string]pod
}

// pod is a web server on a node.
type pod struct{ name, ip string }

// Run makes all checks side by side, and returns what they found in a fixed order. An
// error says that there was no way to check anything.
func Run(ctx context.Context, options Options) ([]Result, error) {
	client, err := kubernetes.NewForConfig(options.Config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	w := &ward{options: options, client: client}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	results := []Result{check{"pods", "a web server starts on each node", startPods}.do(ctx, w)}
	checks := w.checks()
	found := make([]Result, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() { found[i] = c.do(ctx, w) })
	}
	running.Wait()
	results = append(results, found...)
	// Whoever interrupts the checks wants them cleared away all the same.
	last := check{"clean-up", "the namespace of these tests goes, with all in it", func(ctx context.Context, w *ward) error { return w.close(ctx) }}
	return append(results, last.do(context.WithoutCancel(ctx), w)), nil
}

func (c check) do(ctx context.Context, w *ward) Result {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	err := c.run(ctx, w)
	return Result{What: c.what, How: c.how, Err: err, Took: time.Since(begin)}
}

// checks are those that apply to the cluster.
func (w *ward) checks() []check {
	list := []check{
		{"components", "each tells that it is ready", components},
		{"nodes", "each is Ready", nodes},
	}
	if len(w.pods) == 0 {
		return list
	}
	list = append(list, []check{
		{"cluster DNS", "each pod asks for kubernetes.default and a service", dns},
		{"pod network", "each pod fetches a page from each other, by address", podNetwork},
		{"services", "each pod fetches pages by a service's name, from all pods behind it", services},
		{"node ports", "this machine fetches a page from a node port", nodePort},
		{"logs", "kubectl logs: of each pod", logs},
		{"exec", "kubectl exec: a command in each pod", execs},
	}...)
	o := w.options
	if o.LoadBalancer {
		list = append(list, check{"load balancers", "a pod and this machine fetch a page from a new one's address", loadBalancer})
	}
	if o.Ingress {
		list = append(list, check{"ingress", "this machine fetches a page by a new ingress' host name", ingress})
	}
	if o.NetworkPolicy {
		list = append(list, check{"network policies", "a new policy shuts a pod off, and its end opens it", networkPolicy})
	}
	if o.Storage {
		list = append(list, check{"storage", "a new claim gets a volume, and a second pod reads what the first wrote", storage})
	}
	if o.Metrics {
		list = append(list, check{"metrics", "kubectl top: each node and each pod is measured", metrics})
	}
	return list
}

// eventually tries until f succeeds, and returns its last error if it does not in time: that a try
// was cut short by the end is the last word only if there was no other.
func eventually(ctx context.Context, f func(context.Context) error) error {
	var last error
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return last
		}
	}
}
