package ui

import (
	"errors"
	"testing"

	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

func TestInside(t *testing.T) {
	d := up(t, 120, 40)
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Pod", Namespace: "default", Name: "web-1"}, Tab: pane.Inside})
	d.sees("Inside", "container of web-1", "KIND   INODE")
	// Another tab ends the look; coming back looks again.
	d.press("1", "6")
	d.sees("container of web-1")
	d.fake.failure = errors.New("node-1 is off")
	d.press("1", "6")
	d.sees("container of web-1", "node-1 is off")
	d.press("esc")
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Deployment", Namespace: "default", Name: "web"}, Tab: pane.Summary})
	d.seesNot("Inside")
}
