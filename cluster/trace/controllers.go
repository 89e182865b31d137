package trace

import (
	"maps"
	"slices"
	"strings"
)

// Controller is one control loop, as far as the trace and its queue tell.
type Controller struct {
	Name  string      `json:"name"`
	Queue []WorkQueue `json:"queues,omitempty"`
	// Said is the last that it said of its work, Wrote its last request that changed
	// something, Failed its last error; their Seq is 0 if the trace has none.
	Said   Event `json:"said,omitzero"`
	Wrote  Event `json:"wrote,omitzero"`
	Failed Event `json:"failed,omitzero"`
}

const controllerAccount = "system:serviceaccount:kube-system:"

// Controllers gathers what is known of each controller. Events are to be added oldest
// first.
type Controllers struct{ byName map[string]*Controller }

// NewControllers begins with the queues; one of another name than a controller stands
// alone.
func NewControllers(queues []WorkQueue) *Controllers {
	c := &Controllers{byName: map[string]*Controller{}}
	for _, q := range queues {
		own := c.get(q.Name)
		own.Queue = append(own.Queue, q)
	}
	return c
}

// get finds a controller by its name, of which its queue's is the beginning.
func (c *Controllers) get(name string) *Controller {
	key := strings.TrimSuffix(strings.ReplaceAll(name, "_", "-"), "-controller")
	if c.byName[key] == nil {
		c.byName[key] = &Controller{}
	}
	own := c.byName[key]
	// The longer name is the controller's own.
	if len(name) > len(own.Name) {
		own.Name = name
	}
	return own
}

// Add takes an event into account.
func (c *Controllers) Add(e Event) {
	switch e.Component {
	case "kube-controller-manager":
		own := c.get(e.Actor)
		if e.Verb == "fail" || e.Fields["value.err"] != "" {
			own.Failed = e
		}
		own.Said = e
	case "kube-apiserver":
		name, ok := strings.CutPrefix(e.Actor, controllerAccount)
		if !ok || !Changes(e.Verb) {
			return
		}
		key := strings.TrimSuffix(name, "-controller")
		if own := c.byName[key]; own != nil || strings.HasSuffix(name, "-controller") {
			c.get(name).Wrote = e
		}
	}
}

// List returns the controllers by name.
func (c *Controllers) List() []Controller {
	list := make([]Controller, 0, len(c.byName))
	for _, key := range slices.Sorted(maps.Keys(c.byName)) {
		list = append(list, *c.byName[key])
	}
	return list
}

// Changes reports whether requests with this verb are to change something.
func Changes(verb string) bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, verb)
}
