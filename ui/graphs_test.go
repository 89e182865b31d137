package ui

import (
	"testing"

	"kubarium/ui/gauge"
	"kubarium/ui/uitest"
)

func TestGraphsAreFedWhileTheyAreSeen(t *testing.T) {
	d := busy(t, 120, 40, plain)
	d.app.gauges = gauge.New(nil, nil, "")
	d.press("g")
	d.sees("Overview", "CPU of all nodes", "No word of the metrics server yet")
	d.send(uitest.Report())
	d.sees("last 76s", "1.2")
	d.clickOn("Clients")
	d.sees("node-1", "kube-controller-manager")
	d.press("/")
	d.write("node-2")
	d.press("enter")
	d.sees("node-2")
	d.seesNot("kube-controller-manager")
	d.press("esc", "esc")
	d.seesNot("Overview")
}

func TestGraphsAndMapByName(t *testing.T) {
	d := busy(t, 120, 40, plain)
	d.app.gauges = gauge.New(nil, nil, "")
	d.command("graphs")
	d.sees("CPU of all nodes")
	d.command("map")
	d.sees("◐ not ready ○ pending")
	d.seesNot("NAMESPACE")
}

func TestRatesOfTheControlPlane(t *testing.T) {
	d := busy(t, 120, 40, plain)
	d.sees("API server 25 requests/s", "etcd 6 writes/s", "scheduler 0.4 attempts/s")
}
