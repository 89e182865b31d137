package ui

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/inspect"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
	"kubarium/ui/way"
)

// sender notes what is sent.
type sender struct {
	*uitest.Cluster
	sent []string
	err  error
	// slow has a packet wait until nobody wants it any more.
	slow bool
}

func (s *sender) SendPacket(ctx context.Context, namespace, pod, to string, progress func(string)) (inspect.Path, error) {
	pod, isPod := strings.CutPrefix(pod, "pod/")
	if s.sent = append(s.sent, namespace+"/"+pod+" "+to); !isPod {
		s.sent[len(s.sent)-1] = pod + " " + to
	}
	if s.slow {
		progress("Listen at pod " + namespace + "/" + pod)
		progress("Listen at node-1")
		progress("Send the packet to " + to + ", and wait for the answer")
		<-ctx.Done()
		return inspect.Path{}, ctx.Err()
	}
	if s.err != nil {
		return inspect.Path{}, s.err
	}
	return s.Cluster.SendPacket(ctx, namespace, pod, to, progress)
}

func withSender(s *sender) func(*Options) {
	s.Cluster = uitest.New(moment(), "")
	return func(o *Options) { o.Cluster = s }
}

// packetOf sends a packet from the first pod of the list that runs well to a service.
func packetOf(d *driver) *driver {
	d.press("3", "down", "down", "down", "P")
	d.write("svc default/web")
	d.press("enter")
	return d
}

// sendingOf is a driver whose packet is on its way.
func sendingOf(t *testing.T, w, h int, change func(*Options)) *driver {
	d := up(t, w, h, withSender(&sender{slow: true}), change)
	begun := d.app.sendPacket(watch.Ref{Kind: "Pod", Namespace: "default", Name: "box"}, "svc/default/web:80")().(tea.BatchMsg)
	go begun[0]()
	next := begun[1]
	for range 3 {
		msg := next()
		if batch, ok := msg.(tea.BatchMsg); ok {
			msg = batch[0]()
		}
		_, next = d.app.Update(msg)
	}
	return d
}

func TestPacket(t *testing.T) {
	s := &sender{}
	d := up(t, 140, 60, withSender(s))
	packetOf(d)
	if len(s.sent) != 1 || s.sent[0][len(s.sent[0])-len(" svc/default/web:80"):] != " svc/default/web:80" {
		t.Fatalf("sent %q", s.sent)
	}
	d.sees("connected after", "destination 10.96.41.7:80 becomes 10.244.2.4:8080", "the network between the nodes", "source 10.244.2.4:8080 becomes 10.96.41.7:80", "2 rules more", "dnat ip to")
	d.seesNot("jump services")
	d.press("a")
	d.sees("jump services")
	d.press("r")
	if len(s.sent) != 2 {
		t.Errorf("sent %q", s.sent)
	}
	s.err = errors.New("node-1 is off")
	d.press("r")
	d.sees("Not sent to its end: node-1 is off")
	d.press("esc")
	d.seesNot("Not sent")
}

// TestPacketIsChosen asks from where and to where in all the ways that there are.
func TestPacketIsChosen(t *testing.T) {
	s := &sender{}
	d := up(t, 140, 60, withSender(s))
	last := func() string {
		if len(s.sent) == 0 {
			return ""
		}
		return s.sent[len(s.sent)-1]
	}
	d.press("4", "P")
	d.sees("Send a packet from which pod or node?")
	d.press("enter")
	d.sees("connected after")
	d.press("esc", "3", "down", "down", "down", "P")
	d.write("10.96.0.1:443")
	d.sees("send to 10.96.0.1:443")
	d.press("enter")
	if want := " 10.96.0.1:443"; last()[len(last())-len(want):] != want {
		t.Errorf("sent %q", last())
	}
	d.press("esc", "ctrl+p")
	d.write("draw its way")
	d.press("enter")
	d.sees("Send a packet from")
	d.press("esc", ":")
	d.write("packet nobody svc/web -n default")
	d.press("enter")
	d.sees("Not sent", "the pod nobody is gone")
	d.press("enter", ":")
	d.write("packet leaving svc/web -n default")
	d.press("enter")
	d.sees("leaving is ending: choose another pod")
	d.press("enter", ":")
	d.write("packet one")
	d.press("enter")
	d.sees("Not sent", "write it as: packet POD")
	for words, want := range map[string]string{
		"outside svc/web -n default": "outside svc/web", "node/node-2 svc/kube-dns:53/udp -n kube-system": "node/node-2 svc/kube-dns:53/udp",
	} {
		d.press("enter", ":")
		d.write("packet " + words)
		d.press("enter")
		if last() != want {
			t.Errorf("sent %q, want %q", last(), want)
		}
		d.press("esc")
	}
}

// TestPacketIsCancelled ends one that is on its way, by both keys.
func TestPacketIsCancelled(t *testing.T) {
	for _, key := range []string{"esc", "ctrl+c"} {
		d := sendingOf(t, 120, 40, func(*Options) {})
		d.sees("Listen at node-1", "Send the packet to", "esc cancels")
		d.press(key)
		d.sees("cancelled")
		if _, open := d.app.top().(*way.View); !open || d.app.quit {
			t.Errorf("after %s: open %v, ends %v", key, open, d.app.quit)
		}
	}
}
