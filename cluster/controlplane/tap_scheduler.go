package controlplane

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"kubarium/cluster/trace"
)

// tapAttempts has the scheduler tell the store of each attempt to find a node. The
// framework of each attempt is wrapped anew, so that attempts can't mix.
func tapAttempts(s *scheduler.Scheduler, store *trace.Store) {
	profiles := map[string]profile{}
	for name, f := range s.Profiles {
		profiles[name] = profileOf(f)
		s.Profiles[name] = aftermath{Framework: f, store: store}
	}
	schedule := s.SchedulePod
	s.SchedulePod = func(ctx context.Context, f framework.Framework, state fwk.CycleState, pod *framework.QueuedPodInfo) (scheduler.ScheduleResult, error) {
		a := &attempt{Framework: f, seen: seen{profile: profiles[f.ProfileName()], nodes: make(map[string]*trace.NodeVerdict)}}
		begin := time.Now()
		result, err := schedule(ctx, a, state, pod)
		store.AddLate(a.event(pod, begin, result, err))
		return result, err
	}
}

// profile is which plugins a scheduler asks, in order, and what their scores weigh.
type profile struct {
	filters []string
	weights map[string]int64
}

func profileOf(f framework.Framework) profile {
	p := profile{weights: map[string]int64{}}
	plugins := f.ListPlugins()
	for _, plugin := range plugins.Filter.Enabled {
		p.filters = append(p.filters, plugin.Name)
	}
	for _, plugin := range plugins.Score.Enabled {
		p.weights[plugin.Name] = int64(plugin.Weight)
	}
	return p
}

// attempt records what the plugins answered for one pod; nodes are filtered side by
// side.
type attempt struct {
	framework.Framework
	mu sync.Mutex
	seen
}

// seen is what is kept of an attempt.
type seen struct {
	profile   profile
	nodes     map[string]*trace.NodeVerdict
	preFilter string
	// skipped are the filters that found in advance that they have nothing to say.
	skipped sets.Set[string]
}

// RunPreFilterPlugins records why a pod fits nowhere at all, and the nodes that no filter is
// asked about since a plugin knows in advance which ones it takes.
func (a *attempt) RunPreFilterPlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	result, status, plugins := a.Framework.RunPreFilterPlugins(ctx, state, pod)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.skipped = state.GetSkipFilterPlugins()
	by := strings.Join(sets.List(plugins), ",")
	if !status.IsSuccess() {
		a.preFilter = cmp.Or(status.Plugin(), by) + ": " + status.Message()
	}
	if !result.AllNodes() {
		a.leaveOut(result.NodeNames, by)
	}
	return result, status, plugins
}

// leaveOut notes all nodes but those. A pod's nominated node is filtered nevertheless: then the
// filters' verdict counts.
func (a *attempt) leaveOut(but sets.Set[string], plugins string) {
	all, err := a.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return
	}
	for _, info := range all {
		if name := info.Node().Name; !but.Has(name) {
			a.nodes[name] = &trace.NodeVerdict{Node: name, Plugin: plugins, LeftOut: true}
		}
	}
}

// RunFilterPluginsWithNominatedPods records each node's verdict; the scheduler asks no
// further plugin after the first that refuses.
func (a *attempt) RunFilterPluginsWithNominatedPods(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, info fwk.NodeInfo) *fwk.Status {
	status := a.Framework.RunFilterPluginsWithNominatedPods(ctx, state, pod, info)
	verdict := &trace.NodeVerdict{Node: info.Node().Name, Fits: status.IsSuccess()}
	if !verdict.Fits {
		verdict.Plugin, verdict.Reasons = status.Plugin(), status.Reasons()
	}
	a.mu.Lock()
	a.nodes[verdict.Node] = verdict
	a.mu.Unlock()
	return status
}

// RunScorePlugins records the weighted scores.
func (a *attempt) RunScorePlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodePluginScores, *fwk.Status) {
	scores, status := a.Framework.RunScorePlugins(ctx, state, pod, nodes)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, node := range scores {
		verdict, ok := a.nodes[node.Name]
		if !ok {
			verdict = &trace.NodeVerdict{Node: node.Name, Fits: true}
			a.nodes[node.Name] = verdict
		}
		verdict.Total, verdict.Scores = node.TotalScore, make(map[string]int64, len(node.Scores))
		for _, score := range node.Scores {
			verdict.Scores[score.Name] = score.Score
		}
	}
	return scores, status
}

func (a *attempt) event(pod *framework.QueuedPodInfo, begin time.Time, result scheduler.ScheduleResult, err error) (trace.Event, trace.Late) {
	event := attemptEvent(trace.Schedule, pod.Pod, begin)
	event.Fields["node"], event.Fields["attempts"] = result.SuggestedHost, strconv.Itoa(pod.Attempts)
	if err != nil {
		event.Verb, event.Fields["error"] = trace.Refuse, err.Error()
		var unfit *framework.FitError
		if errors.As(err, &unfit) {
			refused := unfit.Diagnosis.UnschedulablePlugins.Union(unfit.Diagnosis.PendingPlugins)
			event.Fields["plugins"] = strings.Join(sets.List(refused), ",")
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	told := a.seen
	return event, trace.Late{Complete: told.describe, Size: 1024 * (1 + len(told.nodes))}
}

func (s seen) describe(e *trace.Event) {
	verdicts := trace.SortVerdicts(s.nodes)
	if data, err := json.Marshal(verdicts); err == nil {
		e.Fields["nodes"] = string(data)
	}
	if s.preFilter != "" {
		e.Fields["preFilter"] = s.preFilter
	}
	e.Fields["filters"] = strings.Join(s.profile.filters, ",")
	e.Fields["skipped"] = strings.Join(sets.List(s.skipped), ",")
	if data, err := json.Marshal(s.profile.weights); err == nil {
		e.Fields["weights"] = string(data)
	}
	if e.Fields["error"] != "" {
		e.Detail = e.Fields["error"]
		return
	}
	e.Detail = fmt.Sprintf("chose %s%s", e.Fields["node"], trace.Compare(verdicts))
}
