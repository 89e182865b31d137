package ui

import (
	"context"
	"testing"

	"kubarium/cluster/process"
	"kubarium/ui/pane"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// withTree lets a driver's cluster tell who owns what, and what runs in containers.
func withTree(d *driver) *driver {
	d.app.catalog, d.app.tables = uitest.Kinds(), uitest.Tables(uitest.Objects(moment()))
	d.app.opts.Processes = func(ctx context.Context, ids []string) (map[string][]process.Process, error) {
		if err := d.fake.gate.with(ctx, "Processes"); err != nil {
			return nil, err
		}
		found := map[string][]process.Process{}
		for _, id := range ids[:1] {
			found[id] = []process.Process{
				{PID: 1, HostPID: 4711, Command: "/web --listen :8080", State: "S", Memory: 11 << 20},
				{PID: 23, Parent: 1, HostPID: 4790, Command: "sleep 3600", State: "S", Memory: 1 << 20},
				{PID: 40, HostPID: 4800, Command: "sh", State: "R", Memory: 2 << 20},
			}
		}
		return found, nil
	}
	return d
}

func TestTree(t *testing.T) {
	d := withTree(up(t, 120, 40))
	d.command("tree")
	d.sees("Whose tree?")
	d.press("esc", "esc", "esc", "3", "down", "down", "down")
	d.press("enter", "o")
	// A pod's tree begins with what owns it, and the cursor is on the pod.
	d.sees("└─ replicaset/web-", "deployment/web", "container web", "process 1  /web", "│  └─ process 23  sleep 3600")
	v, ok := d.app.top().(interface{ Title() string })
	if !ok || v.Title() != "Tree" {
		t.Fatalf("the screen is %T", d.app.top())
	}
	d.press("up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "enter")
	if ref := d.detail().Ref(); ref.String() != "deployment/web" {
		t.Errorf("%v is opened", ref)
	}
	d.press("esc")
	d.sees("Tree of")
	d.press("right", "down", "left")
	d.sees("replicaset/web-5b978d69 …")
	d.seesNot("-hx5vc")
	d.press("right")
	d.sees("-hx5vc")
	d.press("/")
	d.write("sleep")
	d.press("enter")
	d.sees("deployment/web", "process 23")
	d.seesNot("process 40", "-hx5vc")
	d.press("esc", "esc", "esc")
	d.sees("Control plane")
}

func TestTreeOfNothing(t *testing.T) {
	d := withTree(up(t, 120, 40))
	for line, want := range map[string]string{
		"tree deploy/none":      "There is no default deployment/none.",
		"tree pod web -n shop":  "There is no shop pod/web.",
		"tree nonsense/web":     "The server has no kind nonsense.",
		"tree deploy":           "Which deploy? Write: tree deploy/NAME",
		"tree deploy/web --odd": "unknown flag",
	} {
		d.command(line)
		d.sees(want)
		d.press("esc", "esc", "esc")
	}
}

func TestTreeOfWhatIsSelected(t *testing.T) {
	d := withTree(up(t, 120, 40))
	d.send(pane.TreeMsg{Ref: watch.Ref{Kind: "Node", Name: "node-1"}})
	d.sees("Tree of node/node-1")
}
