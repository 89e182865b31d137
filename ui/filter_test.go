package ui

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestFilterOut: a filter that begins with ! keeps out what it finds, wherever there is a filter.
func TestFilterOut(t *testing.T) {
	d := withEtcd(withTree(up(t, 120, 40)))
	filter := func(text string) {
		d.press("/")
		d.write(text)
		d.press("enter")
	}
	d.press("3")
	filter("!coredns")
	d.sees("11 of 13", "too-big")
	d.seesNot("coredns-")
	d.press("esc", "m")
	filter("!coredns")
	d.sees("too-big")
	d.seesNot("coredns-")
	d.press("esc", "m")

	d.command("tree deploy/web")
	filter("!3600")
	d.sees("deployment/web", "process 1 ", "process 40")
	d.seesNot("sleep 3600")
	d.press("esc")
	filter("!process")
	d.sees("container web")
	d.seesNot("process 1 ")
	d.press("esc", "esc", "esc")

	d.command("etcd")
	filter("!shop")
	d.sees("configmaps/kube-system/root", "masterleases/")
	d.seesNot("prices", "events/")
}

// TestFilterTheWay: of what hangs at something, only what fits is left.
func TestFilterTheWay(t *testing.T) {
	d := withTree(up(t, 120, 40))
	d.command("tree deploy/web")
	d.press("/")
	d.write("40")
	d.press("enter")
	d.sees("container web", "process 40")
	d.seesNot("process 1 ", "process 23")
}

func TestPaste(t *testing.T) {
	d := withTables(up(t, 120, 40))
	d.press("3", "/")
	d.send(tea.PasteMsg{Content: "coredns\n"})
	d.sees("2 of 13")
	d.press("esc", "ctrl+p")
	d.send(tea.PasteMsg{Content: "payments\n"})
	d.sees("> payments ")
	d.seesNot("Nothing has")
}
