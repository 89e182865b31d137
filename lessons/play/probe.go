package play

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"

	"kubarium/lessons"
)

const (
	// probePause is between one look and the next: what a program answers can
	// not be watched.
	probePause = 1500 * time.Millisecond
	probeLimit = 5 * time.Second
	probeBytes = 64 << 10
)

// startProbes runs the probes that the current step speaks of.
func (p *Player) startProbes() {
	if p.probing != nil {
		p.probing()
		p.probing = nil
	}
	p.store.probes = map[string]lessons.Answer{}
	step := p.current()
	if step == nil || p.ctx == nil {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.probing = cancel
	p.followRules(ctx, step)
	if p.env.Config == nil {
		return
	}
	space := p.lesson.Space()
	for _, probe := range p.lesson.Probes {
		if p.lesson.Looks(step, probe.Name) {
			go p.probe(ctx, space, probe)
		}
	}
}

func (p *Player) probe(ctx context.Context, space string, probe lessons.Probe) {
	client, err := coreClient(p.env.Config)
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		answer, err := p.look(ctx, client, space, probe)
		if ctx.Err() != nil {
			return
		}
		p.do(func() {
			if ctx.Err() != nil || p.frozen {
				return
			}
			a := p.store.probes[probe.Name]
			a.OK, a.Output, a.Processes, a.At = err == nil, answer.Output, answer.Processes, p.env.Clock.Now()
			a.Asked++
			if err != nil {
				a.Failed++
				a.Output = strings.TrimSpace(answer.Output + " " + err.Error())
			}
			p.store.probes[probe.Name] = a
		})
		select {
		case <-p.env.Clock.After(probePause):
		case <-ctx.Done():
		}
	}
}

func (p *Player) look(ctx context.Context, client rest.Interface, space string, probe lessons.Probe) (lessons.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	switch {
	case probe.Etcd != "":
		return p.lookEtcd(ctx, probe.Etcd)
	case probe.Processes:
		return p.lookProcesses(ctx, client, space, probe.Pod)
	case probe.Logs:
		lines := int64(200)
		raw, err := client.Get().Namespace(space).Resource("pods").Name(probe.Pod).SubResource("log").
			VersionedParams(&corev1.PodLogOptions{TailLines: &lines}, scheme.ParameterCodec).DoRaw(ctx)
		return lessons.Answer{Output: string(raw)}, err
	}
	output, err := runInPod(ctx, p.env.Config, client, space, probe.Pod, probe.Run)
	return lessons.Answer{Output: output}, err
}

// runInPod runs a program in the first container of a pod.
func runInPod(ctx context.Context, config *rest.Config, client rest.Interface, namespace, pod string, program []string) (string, error) {
	target := client.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: program, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	executor, err := webSocket(config, target)
	if err != nil {
		return "", err
	}
	var out limited
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &out})
	return out.String(), err
}

func webSocket(config *rest.Config, target *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutor(config, http.MethodGet, target.String())
}

func coreClient(config *rest.Config) (rest.Interface, error) {
	c := rest.CopyConfig(config)
	c.GroupVersion, c.APIPath = &corev1.SchemeGroupVersion, "/api"
	c.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	return rest.RESTClientFor(c)
}

// limited keeps the beginning of what is written to it, by several at a time: what a program
// prints comes by two ways. The buffer is not embedded, as its ReadFrom would be used instead of Write.
type limited struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *limited) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := probeBytes - l.buffer.Len(); room > 0 {
		l.buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (l *limited) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
