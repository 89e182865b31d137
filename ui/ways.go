package ui

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"kubarium/cluster/inspect"
	"kubarium/ui/command"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/way"
	"kubarium/ui/widget"
)

// Sender is a Cluster that can send a packet, and tell its way.
type Sender interface {
	// SendPacket sends it from pod/NAME, node/NAME or outside, to svc/NAME[:PORT], pod/NAME[:PORT], both with NAMESPACE/ before the
	// name if it is another, or ADDRESS:PORT; all with /udp behind it for a datagram.
	SendPacket(ctx context.Context, namespace, from, to string, progress func(string)) (inspect.Path, error)
}

// packetMsg asks for the way of a packet, as it was typed.
type packetMsg struct{ words []string }

// packetUsage is how one is written.
const packetUsage = "write it as: packet POD svc/web:80 -n shop. The sender may be node/NAME or outside, too; the destination is svc/NAME[:PORT], pod/NAME[:PORT] or ADDRESS:PORT, with /udp behind it for UDP; packet alone asks for both"

// noPackets says why no packet can be sent; "" if one can be.
func (a *App) noPackets() string {
	if _, ok := a.opts.Cluster.(Sender); !ok || a.opts.Guest {
		return "packets are followed in a cluster that this app has started"
	}
	return ""
}

// choosePacket asks from where to where a packet goes, as far as the selection does not say.
func (a *App) choosePacket() tea.Cmd {
	ref, ok := a.picked()
	switch {
	case ok && ref.Kind == "Pod":
		if why := a.cannotSend(ref); why != "" {
			a.say(theme.Warn, why)
			return nil
		}
		return a.chooseDestination(ref, "")
	case ok && ref.Kind == "Service":
		return a.chooseSender("svc/" + ref.Namespace + "/" + ref.Name)
	}
	return a.chooseSender("")
}

// picked is the object that is selected, or shown, where the focus is.
func (a *App) picked() (watch.Ref, bool) {
	var chosen pane.Choosing
	if s := a.top(); s != nil {
		chosen, _ = s.(pane.Choosing)
	} else {
		chosen, _ = a.panes[a.focus].(pane.Choosing)
	}
	if chosen == nil {
		return watch.Ref{}, false
	}
	return chosen.Picked()
}

// cannotSend says why no packet can be sent from a pod.
func (a *App) cannotSend(ref watch.Ref) string {
	if ref.Kind != "Pod" {
		return ""
	}
	p := a.ctx.Snapshot.Pod(ref.Namespace, ref.Name)
	switch {
	case p == nil:
		return "the pod " + ref.Name + " is gone"
	case p.Object.DeletionTimestamp != nil:
		return ref.Name + " is ending: choose another pod"
	case p.Object.Status.Phase != corev1.PodRunning:
		return ref.Name + " does not run: no packet can be sent from it"
	}
	return ""
}

// chooseSender asks from which pod; the destination may be known.
func (a *App) chooseSender(to string) tea.Cmd {
	d := &finder{title: "Send a packet from which pod or node?"}
	for _, p := range a.ctx.Snapshot.Pods {
		ref := watch.Ref{Kind: "Pod", Namespace: p.Object.Namespace, Name: p.Object.Name}
		if a.cannotSend(ref) != "" {
			continue
		}
		d.items = append(d.items, item{text: "pod " + ref.Namespace + "/" + ref.Name, hint: p.Object.Status.PodIP, run: func(a *App) tea.Cmd {
			if to != "" {
				return a.sendPacket(ref, to)
			}
			return a.chooseDestination(ref, "")
		}})
	}
	for _, ref := range a.otherSenders() {
		d.items = append(d.items, item{text: ref.Name, hint: ref.Kind, run: func(a *App) tea.Cmd {
			if to != "" {
				return a.sendPacket(ref, to)
			}
			return a.chooseDestination(ref, "")
		}})
	}
	return a.find(d, "")
}

// outside is the sender of what comes to node ports.
const outside = "outside"

// otherSenders are the nodes, and this machine.
func (a *App) otherSenders() []watch.Ref {
	refs := []watch.Ref{{Kind: "this machine, by node ports", Name: outside}}
	for _, n := range a.ctx.Snapshot.Nodes {
		refs = append(refs, watch.Ref{Kind: "a program on it", Name: "node/" + n.Object.Name})
	}
	return refs
}

// chooseDestination asks where to; text is what has been typed so far.
func (a *App) chooseDestination(from watch.Ref, text string) tea.Cmd {
	d := &finder{title: "Send a packet from " + from.Name + " to", items: a.destinations(from)}
	d.typed = func(text string) (item, bool) {
		if !isDestination(text) {
			return item{}, false
		}
		return item{text: "send to " + text, hint: "enter", run: func(a *App) tea.Cmd { return a.sendPacket(from, text) }}, true
	}
	return a.find(d, text)
}

// isDestination reports whether a text says where to.
func isDestination(text string) bool {
	if rest, udp := strings.CutSuffix(text, "/udp"); udp && strings.Contains(rest, ":") {
		text = rest
	}
	if address, err := netip.ParseAddrPort(text); err == nil {
		return address.Addr().Is4() && address.Port() != 0
	}
	kind, name, ok := strings.Cut(text, "/")
	return ok && (kind == "svc" || kind == "pod") && name != "" && !strings.HasSuffix(name, ":") && !strings.HasSuffix(name, "/")
}

// destinations are the ports of services and pods.
func (a *App) destinations(from watch.Ref) items {
	var list items
	add := func(kind, namespace, name string, port int32, protocol corev1.Protocol, hint string) {
		with := map[corev1.Protocol]string{corev1.ProtocolUDP: "/udp"}[protocol]
		to := fmt.Sprintf("%s/%s/%s:%d%s", kind, namespace, name, port, with)
		list = append(list, item{text: fmt.Sprintf("%s %s/%s:%d%s", kind, namespace, name, port, with), hint: hint, run: func(a *App) tea.Cmd { return a.sendPacket(from, to) }})
	}
	for _, s := range a.ctx.Snapshot.Services {
		if ip := s.Object.Spec.ClusterIP; ip == "" || ip == corev1.ClusterIPNone {
			continue
		}
		for _, p := range s.Object.Spec.Ports {
			if p.Protocol != corev1.ProtocolSCTP && (from.Name != outside || p.NodePort != 0) {
				add("svc", s.Object.Namespace, s.Object.Name, p.Port, p.Protocol, s.Object.Spec.ClusterIP)
			}
		}
	}
	for _, p := range a.ctx.Snapshot.Pods {
		o := p.Object
		if o.Status.PodIP == "" || o.Status.Phase != corev1.PodRunning || o.DeletionTimestamp != nil || o.Namespace == from.Namespace && o.Name == from.Name {
			continue
		}
		ports := 0
		for _, c := range o.Spec.Containers {
			for _, port := range c.Ports {
				if port.Protocol != corev1.ProtocolSCTP {
					add("pod", o.Namespace, o.Name, port.ContainerPort, port.Protocol, o.Status.PodIP)
					ports++
				}
			}
		}
		if ports == 0 {
			typed := "pod/" + o.Namespace + "/" + o.Name + ":"
			list = append(list, item{text: "pod " + o.Namespace + "/" + o.Name, hint: "names no port: type one", run: func(a *App) tea.Cmd { return a.chooseDestination(from, typed) }})
		}
	}
	return list
}

// packet sends a packet as it was typed.
func (a *App) packet(words []string) tea.Cmd {
	if why := a.noPackets(); why != "" {
		a.say(theme.Warn, why)
		return nil
	}
	a.line.Leave()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	namespace := flags.StringP("namespace", "n", a.ctx.Namespace, "")
	err := flags.Parse(words)
	if err == nil && flags.NArg() == 0 {
		return a.choosePacket()
	}
	if *namespace == "" {
		*namespace = "default"
	}
	from := watch.Ref{Kind: "Pod", Namespace: *namespace, Name: strings.TrimPrefix(flags.Arg(0), "pod/")}
	if strings.HasPrefix(from.Name, "node/") || from.Name == outside {
		from.Kind = ""
	}
	switch {
	case err == nil && (flags.NArg() != 2 || !isDestination(flags.Arg(1))):
		err = errors.New(packetUsage)
	case err != nil:
		err = fmt.Errorf("%w: %s", err, packetUsage)
	case a.cannotSend(from) != "":
		err = errors.New(a.cannotSend(from))
	}
	if err != nil {
		a.push(note("Not sent", err.Error()))
		return nil
	}
	return a.sendPacket(from, flags.Arg(1))
}

// sendPacket sends one, and shows its way.
func (a *App) sendPacket(from watch.Ref, to string) tea.Cmd {
	sender, ok := a.opts.Cluster.(Sender)
	if !ok {
		return nil
	}
	if _, open := a.top().(*way.View); open {
		a.popScreen()
	}
	name, sent := from.Name, from.Name
	if from.Kind == "Pod" {
		// One may be called as what is none.
		name, sent = from.Namespace+"/"+from.Name, "pod/"+from.Name
	}
	view, cmd := way.Open(a.ctx, name, widget.Clean(to), func(ctx context.Context, progress func(string)) (inspect.Path, error) {
		return sender.SendPacket(ctx, from.Namespace, sent, to, progress)
	})
	a.pushScreen(view)
	return cmd
}

// cancelScreen ends what the screen that is seen does, and reports whether it did something.
func (a *App) cancelScreen() bool {
	s, ok := a.top().(interface{ Cancel() bool })
	return ok && s.Cancel()
}

// packetWords reads a line that begins with packet.
func packetWords(line string) ([]string, bool) {
	words, err := command.Args(line)
	if err != nil || len(words) == 0 || words[0] != "packet" && words[0] != "path" {
		return nil, false
	}
	return words[1:], true
}
