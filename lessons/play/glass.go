package play

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"kubarium/cluster/inspect"
	"kubarium/cluster/process"
	"kubarium/cluster/trace"
	"kubarium/lessons"
)

// glass is what a Control can have besides: it looks at what the API does not tell.
type glass interface {
	EtcdValue(ctx context.Context, key string) ([]byte, error)
	Processes(ctx context.Context, ids []string) (map[string][]process.Process, error)
	InspectService(ctx context.Context, namespace, name, node string, watch bool, f func(inspect.Service) error) error
	Trace(ctx context.Context, after uint64, follow bool, f func(event trace.Event, lost uint64) error) error
}

// errNoGlass is for clusters that are not Kubarium's own.
var errNoGlass = errors.New("only Kubarium's own cluster can be looked into, by the app or by root")

// lookEtcd reads a key. Bytes that are no text become dots, one each: what is text in
// between can be found.
func (p *Player) lookEtcd(ctx context.Context, key string) (lessons.Answer, error) {
	g, ok := p.env.Control.(glass)
	if !ok {
		return lessons.Answer{}, errNoGlass
	}
	value, err := g.EtcdValue(ctx, key)
	if len(value) > probeBytes {
		value = value[:probeBytes]
	}
	printable := slices.Clone(value)
	for i, b := range printable {
		if b < ' ' || b > '~' {
			printable[i] = '.'
		}
	}
	return lessons.Answer{Output: string(printable)}, err
}

// lookProcesses lists what runs in the containers of a pod.
func (p *Player) lookProcesses(ctx context.Context, client rest.Interface, space, name string) (lessons.Answer, error) {
	g, ok := p.env.Control.(glass)
	if !ok {
		return lessons.Answer{}, errNoGlass
	}
	var pod corev1.Pod
	if err := client.Get().Namespace(space).Resource("pods").Name(name).Do(ctx).Into(&pod); err != nil {
		return lessons.Answer{}, err
	}
	names := map[string]string{}
	var ids []string
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if _, id, ok := strings.Cut(status.ContainerID, "://"); ok {
			names[id] = status.Name
			ids = append(ids, id)
		}
	}
	found, err := g.Processes(ctx, ids)
	if err != nil {
		return lessons.Answer{}, err
	}
	answer := lessons.Answer{Processes: []map[string]any{}}
	for _, id := range ids {
		for _, one := range found[id] {
			answer.Processes = append(answer.Processes, map[string]any{
				"container": names[id], "pid": int64(one.PID), "parent": int64(one.Parent), "command": one.Command,
				"state": one.State, "memory": one.Memory, "cgroup": one.Cgroup,
			})
			answer.Output += fmt.Sprintf("%s %d %s %s\n", names[id], one.PID, one.Cgroup, one.Command)
		}
	}
	return answer, nil
}

// attemptsKept bounds how many pods' decisions are remembered.
const attemptsKept = 1024

// followScheduler remembers what the scheduler decides, if the lesson looks at it.
func (p *Player) followScheduler(ctx context.Context) {
	g, ok := p.env.Control.(glass)
	if !ok || !p.lesson.Schedules() {
		return
	}
	// It ends with the context, or with the cluster; then there is nothing to learn.
	_ = g.Trace(ctx, 0, true, func(e trace.Event, _ uint64) error {
		if e.Component == "kube-scheduler" && trace.IsAttempt(e) {
			p.do(func() { p.store.decide(e) })
		}
		return ctx.Err()
	})
}

func (s *store) decide(e trace.Event) {
	uid := types.UID(e.Object.UID)
	a := &lessons.Attempt{Node: e.Fields["node"], Error: e.Fields["error"], Count: 1}
	// What is not there is as good as nothing said.
	_ = json.Unmarshal([]byte(e.Fields["nodes"]), &a.Nodes)
	if before := s.attempts[uid]; before != nil {
		a.Count += before.Count
	} else if len(s.attempts) >= attemptsKept {
		clear(s.attempts)
	}
	s.attempts[uid] = a
}

// Attempt is the newest decision on the pod that has the name now, not on one before it.
func (s *store) Attempt(namespace, name string) *lessons.Attempt {
	pod := s.objects[objectKey{core("pods"), namespace, name}]
	if pod == nil {
		return nil
	}
	return s.attempts[pod.GetUID()]
}
