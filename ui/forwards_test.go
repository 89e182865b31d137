package ui

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/forward"
	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

// noForwards notes what is asked of it.
type noForwards struct {
	started []forward.Spec
	err     error
	did     []string
}

func (n *noForwards) Start(s forward.Spec) (forward.Info, error) {
	n.started = append(n.started, s)
	return forward.Info{Spec: s}, n.err
}
func (n *noForwards) Again(int) error  { n.did = append(n.did, "again"); return n.err }
func (n *noForwards) Stop(int) error   { n.did = append(n.did, "stop"); return n.err }
func (n *noForwards) Remove(int) error { n.did = append(n.did, "remove"); return n.err }

// forwarding shows a list of forwards.
func forwarding(d *driver) *noForwards {
	n := &noForwards{}
	d.app.forwards = n
	to := watch.Ref{Kind: "Service", Namespace: "default", Name: "web"}
	d.send(forward.ListMsg{
		{ID: 1, Spec: forward.Spec{To: to, Local: 8080, Remote: 80}, State: forward.Listening, Target: forward.Target{Pod: "web-5b978d69-4kq9z", UID: types.UID("1"), Port: 8080}, Open: 1, Total: 12, In: 4200, Out: 3 << 20},
		{ID: 2, Spec: forward.Spec{To: watch.Ref{Kind: "Deployment", Namespace: "shop", Name: "payments"}, Local: 9090, Remote: 9090}, State: forward.Failing, Total: 1, Err: "deployment/payments has no ready pod of 1"},
		{ID: 3, Spec: forward.Spec{To: watch.Ref{Kind: "Pod", Namespace: "default", Name: "typo"}, Local: 8443, Remote: 443}, State: forward.Stopped},
	})
	d.command("forward")
	return n
}

func TestForwards(t *testing.T) {
	d := up(t, 140, 40)
	n := &noForwards{}
	d.app.forwards = n
	d.press("4", "F")
	d.sees("forward service/", " -n ")
	d.press("esc", "esc", "3", "F")
	d.sees("forward pod/")
	d.press("enter")
	if len(n.started) != 1 || n.started[0].To.Kind != "Pod" || n.started[0].Local == 0 || n.started[0].Remote == 0 {
		t.Errorf("started %+v", n.started)
	}
	d.sees("No ports are forwarded", "leads to pod/")

	n.err = errors.New("open port 8080 of this machine: address already in use. Choose another")
	for line, want := range map[string]string{
		"forward deploy/web 8080:80 -n shop": "Choose another",
		"forward cm/web 8080:80":             "nothing can be forwarded to a cm",
		"forward web":                        "forward svc/web 8080:80",
		"forward web 8080:http":              `"http" is no port`,
		"forward web 99999":                  `"99999" is no port`,
	} {
		d.command(line)
		d.sees("Not forwarded", want)
		d.press("enter", "esc")
	}
	if got := n.started[len(n.started)-1]; len(n.started) != 2 || got != (forward.Spec{To: watch.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, Local: 8080, Remote: 80}) {
		t.Errorf("started %+v", n.started)
	}
}

func TestForwardsAreStopped(t *testing.T) {
	d := up(t, 140, 40)
	n := forwarding(d)
	d.sees("listening", "1 open of 12", "failing", "stopped", "1 of 2 forwards failing")
	d.press("s", "j")
	d.sees("deployment/payments has no ready pod of 1 ")
	d.press("G", "s", "d")
	if len(n.did) != 3 || n.did[0] != "stop" || n.did[1] != "again" || n.did[2] != "remove" {
		t.Errorf("did %v", n.did)
	}
	d.press("esc")
	d.sees("NAMESPACE", "1 of 2 forwards failing")
}

// TestForwardingIsRefusedBeforehand: what one has no right to is grey where the object is shown, too.
func TestForwardingIsRefusedBeforehand(t *testing.T) {
	d := up(t, 200, 60)
	d.app.client = viewer()
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Deployment", Namespace: "shop", Name: "payments"}, Tab: pane.Summary})
	d.screen() // what is drawn is asked for
	d.press("down", "F")
	d.sees("you have no right to create pods/portforward here")
	if d.app.line.Open() {
		t.Error("the command is written all the same")
	}
}
