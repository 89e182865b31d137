package tap

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kubarium/cluster/trace"
)

// payloadLimit bounds what is kept of one message.
const payloadLimit = 32 << 10

// call is a call to the container runtime that is under way.
type call struct {
	tap    *Tap
	method string
	began  time.Time
	// took is how long it took, where that is found out before its end is told.
	took time.Duration
	// pid is the process that it started.
	pid string
}

func (t *Tap) begin(method string) call { return call{tap: t, method: method, began: time.Now()} }

// count ends a call that only looks: the kubelet makes these each second.
func (c call) count(err error) { c.note(time.Since(c.began), err) }

// end ends a call that does something, or looks at one thing, and keeps it with its
// messages.
func (c call) end(of owner, request, response proto.Message, err error) {
	took := c.took
	if took == 0 {
		took = time.Since(c.began)
	}
	c.note(took, err)
	fields := map[string]string{"took": took.Round(time.Microsecond).String(), "request": payload(request)}
	e := trace.Event{Time: c.began.Add(took), Verb: c.method, Object: of.pod, Fields: fields}
	e.Detail = fmt.Sprintf("took %s", took.Round(100*time.Microsecond))
	if of.container != "" {
		fields["container"] = of.container
		e.Detail = "container " + of.container + ", " + e.Detail
	}
	if c.pid != "" {
		fields[trace.PID] = c.pid
		e.Detail += ", process " + c.pid
	}
	if err != nil {
		fields["error"] = err.Error()
		e.Detail += ": " + err.Error()
	} else if response != nil {
		fields["response"] = payload(response)
	}
	c.tap.add(e, "cri")
}

func (c call) note(took time.Duration, err error) {
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	n := c.tap.calls[c.method]
	if n == nil {
		n = &Calls{Method: c.method}
		c.tap.calls[c.method] = n
	}
	n.Count++
	if err != nil {
		n.Failed++
	}
	n.Took += took
	n.Longest = max(n.Longest, took)
	n.Last = c.began.Add(took)
}

// payload writes a message as JSON, without what is secret in it.
func payload(m proto.Message) string {
	if m == nil {
		return ""
	}
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(withoutSecrets(m))
	if err != nil {
		return fmt.Sprintf("not to be written as JSON: %v", err)
	}
	if len(data) > payloadLimit {
		return fmt.Sprintf("%s... (%d bytes)", data[:payloadLimit], len(data))
	}
	return string(data)
}

// withoutSecrets leaves out what may come from a Secret, or be one: a trace is shown, and
// passed on. The runtime is not told which variables do.
func withoutSecrets(m proto.Message) proto.Message {
	switch m := m.(type) {
	case *runtimeapi.CreateContainerRequest:
		copied := proto.CloneOf(m)
		config := copied.GetConfig()
		leaveOut(config.GetCommand(), config.GetEnvs())
		leaveOut(config.GetArgs(), config.GetEnvs())
		for _, env := range config.GetEnvs() {
			env.Value = nil
		}
		return copied
	case *runtimeapi.PullImageRequest:
		copied := proto.CloneOf(m)
		copied.Auth = nil
		return copied
	case *runtimeapi.ExecSyncResponse:
		return &runtimeapi.ExecSyncResponse{ExitCode: m.GetExitCode()}
	case *runtimeapi.ContainerStatusResponse:
		return &runtimeapi.ContainerStatusResponse{Status: m.GetStatus()}
	}
	return m
}

// shortSecret is below what a variable's value is looked for in arguments: shorter ones are no
// secrets, and are in most.
const shortSecret = 4

// leaveOut leaves out the arguments that have the value of a variable in them: the kubelet has
// put it there where the pod says $(NAME).
func leaveOut(args []string, envs []*runtimeapi.KeyValue) {
	for i, arg := range args {
		for _, env := range envs {
			if len(env.GetValue()) >= shortSecret && strings.Contains(arg, string(env.GetValue())) {
				args[i] = "(left out: it has the value of " + env.GetKey() + ")"
				break
			}
		}
	}
}
