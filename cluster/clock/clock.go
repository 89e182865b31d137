// Package clock knows how long Kubernetes waits before it does something about a node, a
// crash or a load, and how long it does where a lesson can't wait minutes.
package clock

import (
	"fmt"
	"strconv"
	"time"
)

// Who has a timer.
const (
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Kubelet           = "kubelet"
)

// Timer is one that the fast clock shortens.
type Timer struct {
	// Of has it, by this flag or field of its configuration.
	Of   string `json:"of"`
	Name string `json:"name"`
	// Meaning is a line for lists.
	Meaning string `json:"meaning"`
	// Production is upstream's default, and Fast what it is instead.
	Production time.Duration `json:"production"`
	Fast       time.Duration `json:"fast"`
	// seconds is set for a flag that is a number.
	seconds bool
}

// The kubelet's timers are fields of its configuration.
const (
	LeaseField   = "nodeLeaseDurationSeconds"
	BackoffField = "crashLoopBackOff.maxContainerRestartPeriod"
)

// The kubelet's, with the fast clock.
const (
	FastLease   = 8 * time.Second
	FastBackoff = 5 * time.Second
)

// Timers returns all that are shortened.
func Timers() []Timer {
	return []Timer{
		{Of: Kubelet, Name: LeaseField, Production: 40 * time.Second, Fast: FastLease, Meaning: "how long a node's sign of life lasts; it is renewed four times as often"},
		{Of: ControllerManager, Name: "node-monitor-period", Production: 5 * time.Second, Fast: time.Second, Meaning: "how often nodes' signs of life are looked at"},
		{Of: ControllerManager, Name: "node-monitor-grace-period", Production: 50 * time.Second, Fast: 12 * time.Second, Meaning: "how long a node may be silent before it is NotReady"},
		{Of: APIServer, Name: "default-not-ready-toleration-seconds", Production: 300 * time.Second, Fast: 10 * time.Second, seconds: true, Meaning: "how long new pods stay on a node that is NotReady"},
		{Of: APIServer, Name: "default-unreachable-toleration-seconds", Production: 300 * time.Second, Fast: 10 * time.Second, seconds: true, Meaning: "how long new pods stay on a node that is not heard of"},
		{Of: Kubelet, Name: BackoffField, Production: 5 * time.Minute, Fast: FastBackoff, Meaning: "the longest wait before a container that crashes is started again"},
		{Of: ControllerManager, Name: "horizontal-pod-autoscaler-sync-period", Production: 15 * time.Second, Fast: 5 * time.Second, Meaning: "how often the autoscaler looks at the load"},
		{Of: ControllerManager, Name: "horizontal-pod-autoscaler-downscale-stabilization", Production: 5 * time.Minute, Fast: 20 * time.Second, Meaning: "how long the load must be low before pods are taken away"},
		{Of: ControllerManager, Name: "horizontal-pod-autoscaler-cpu-initialization-period", Production: 5 * time.Minute, Fast: 15 * time.Second, Meaning: "how long a new pod's use of processors may not count"},
		{Of: ControllerManager, Name: "horizontal-pod-autoscaler-initial-readiness-delay", Production: 30 * time.Second, Fast: 5 * time.Second, Meaning: "how long a new pod's changes of readiness do not count"},
	}
}

// Flags are the command line of who has timers. Production's values are in it too, since
// upstream keeps some in variables of the process: what is not said is what was said last.
func Flags(of string, fast bool) []string {
	var flags []string
	for _, t := range Timers() {
		if t.Of != of {
			continue
		}
		is := t.Production
		if fast {
			is = t.Fast
		}
		value := is.String()
		if t.seconds {
			value = strconv.Itoa(int(is.Seconds()))
		}
		flags = append(flags, fmt.Sprintf("--%s=%s", t.Name, value))
	}
	return flags
}
