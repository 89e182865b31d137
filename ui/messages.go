package ui

import (
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/ui/forward"
	"kubarium/ui/gauge"
)

// componentsMsg brings the components' states.
type componentsMsg []component.Info

// connectedMsg says that the API server answers for the first time.
type connectedMsg struct {
	config  *rest.Config
	client  kubernetes.Interface
	version string
	gauges  *gauge.Feeder
	// forwards end with the app.
	forwards *forward.Manager
	// namespace is the only one that the user may see; "" if there are others.
	namespace string
}

// readyMsg says that the nodes are Ready, or why they never will be.
type readyMsg struct{ err error }

// problemMsg says why the cluster cannot be reached.
type problemMsg struct{ err error }

// usageMsg is what the cluster costs.
type usageMsg struct{ cpu, mem float64 }

// doneMsg is the end of something that the user asked for.
type doneMsg struct {
	doing *doing
	note  string
	err   error
}

// execDoneMsg is the end of a command that had the terminal to itself.
type execDoneMsg struct {
	line string
	err  error
	code int
	// fault is the beginning of what it wrote to standard error.
	fault string
}

// tickMsg moves the clock; ticks of an older generation are void.
type tickMsg struct {
	generation int
	at         time.Time
}
