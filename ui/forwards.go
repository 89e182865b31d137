package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/pflag"

	"kubarium/ui/command"
	"kubarium/ui/forward"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// forwarder keeps forwards; it is a forward.Manager but in tests.
type forwarder interface {
	Start(forward.Spec) (forward.Info, error)
	Again(id int) error
	Stop(id int) error
	Remove(id int) error
}

// forwardMsg asks for a forward, as it was typed.
type forwardMsg struct {
	words []string
}

// forwardedMsg says how a wish about a forward went.
type forwardedMsg struct {
	did string
	err error
}

// forwardPause is how often the list is told at most: bytes are counted in it.
const forwardPause = 250 * time.Millisecond

// feedForwards sends the list of forwards whenever it changes, and waits for their end.
func feedForwards(ctx context.Context, m *forward.Manager, send func(tea.Msg)) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-m.Changed():
			send(forward.ListMsg(m.List()))
			pause := time.NewTimer(forwardPause)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
	}
	m.Wait()
}

// forwardUsage is how a forward is written.
const forwardUsage = "write it as: forward svc/web 8080:80 -n default. 8080 is the port of this machine; forward alone shows the list"

// forwardKind is what a word stands for to which can be forwarded.
func forwardKind(word string) (string, bool) {
	for kind, words := range map[string][]string{
		"Pod": {"pod", "pods", "po"}, "Service": {"service", "services", "svc"}, "Deployment": {"deployment", "deployments", "deploy"},
		"ReplicaSet": {"replicaset", "replicasets", "rs"}, "StatefulSet": {"statefulset", "statefulsets", "sts"}, "DaemonSet": {"daemonset", "daemonsets", "ds"},
	} {
		if slices.Contains(words, word) {
			return kind, true
		}
	}
	return "", false
}

// forwardSpec reads "svc/web 8080:80 -n shop".
func (a *App) forwardSpec(words []string) (forward.Spec, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	namespace := flags.StringP("namespace", "n", a.ctx.Namespace, "")
	if err := flags.Parse(words); err != nil {
		return forward.Spec{}, fmt.Errorf("%w: %s", err, forwardUsage)
	}
	if flags.NArg() != 2 {
		return forward.Spec{}, errors.New(forwardUsage)
	}
	word, name, slash := strings.Cut(flags.Arg(0), "/")
	if !slash {
		word, name = "pods", flags.Arg(0)
	}
	kind, ok := forwardKind(word)
	if name == "" {
		return forward.Spec{}, errors.New(forwardUsage)
	}
	if !ok {
		return forward.Spec{}, fmt.Errorf("nothing can be forwarded to a %s: %s", word, forwardUsage)
	}
	if *namespace == "" {
		*namespace = "default"
	}
	local, remote, two := strings.Cut(flags.Arg(1), ":")
	if !two {
		remote = local
	}
	spec := forward.Spec{To: watch.Ref{Kind: kind, Namespace: *namespace, Name: name}}
	var err error
	if spec.Remote, err = port(remote); err == nil && local != "" {
		spec.Local, err = port(local)
	}
	return spec, err
}

func port(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no port: %s", text, forwardUsage)
	}
	return int(n), nil
}

// forward begins a forward, or shows the list if none is asked for.
func (a *App) forward(msg forwardMsg) tea.Cmd {
	if len(msg.words) == 0 {
		return a.openForwards()
	}
	if a.forwards == nil {
		a.say(theme.Warn, "the API server has not answered yet")
		return nil
	}
	spec, err := a.forwardSpec(msg.words)
	if err != nil {
		a.push(note("Not forwarded", err.Error()))
		return nil
	}
	a.line.Leave()
	m := a.forwards
	return tea.Batch(a.openForwards(), func() tea.Msg {
		i, err := m.Start(spec)
		return forwardedMsg{fmt.Sprintf("%s leads to %s", i.Address(), spec.To), err}
	})
}

func (a *App) openForwards() tea.Cmd {
	a.line.Leave()
	if _, open := a.top().(*forward.View); !open {
		a.pushScreen(forward.Open(a.ctx, a.forwarded))
	}
	return nil
}

// onForward takes what is about forwards.
func (a *App) onForward(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case forwardMsg:
		return a.forward(msg)
	case pane.ForwardMsg:
		return a.prompt(a.forwardCommand(msg.Ref))
	case forward.ListMsg:
		a.forwarded = msg
		return a.tellScreens(msg)
	case forward.DoMsg:
		return a.doForward(msg)
	case forwardedMsg:
		if msg.err != nil {
			a.push(note("Not forwarded", msg.err.Error()))
		} else {
			a.say(theme.OK, msg.did)
		}
	}
	return nil
}

func (a *App) doForward(msg forward.DoMsg) tea.Cmd {
	m := a.forwards
	if m == nil {
		return nil
	}
	return func() tea.Msg {
		switch msg.Do {
		case forward.Stop:
			return forwardedMsg{"the forward is stopped", m.Stop(msg.ID)}
		case forward.Again:
			return forwardedMsg{"the forward goes on", m.Again(msg.ID)}
		}
		return forwardedMsg{"the forward is removed", m.Remove(msg.ID)}
	}
}

// privileged is up to which port only root may listen; what is asked for below is put above.
const (
	privileged = 1024
	above      = 8000
)

// forwardCommand is the command that forwards to an object, with the port that it names.
func (a *App) forwardCommand(ref watch.Ref) string {
	remote := 80
	switch ref.Kind {
	case "Pod":
		if p := a.ctx.Snapshot.Pod(ref.Namespace, ref.Name); p != nil {
			for _, c := range p.Object.Spec.Containers {
				if len(c.Ports) > 0 {
					remote = int(c.Ports[0].ContainerPort)
					break
				}
			}
		}
	case "Service":
		for _, s := range a.ctx.Snapshot.Services {
			if s.Object.Namespace == ref.Namespace && s.Object.Name == ref.Name && len(s.Object.Spec.Ports) > 0 {
				remote = int(s.Object.Spec.Ports[0].Port)
			}
		}
	case "Deployment":
		for _, d := range a.ctx.Snapshot.Deployments {
			if c := d.Spec.Template.Spec.Containers; d.Namespace == ref.Namespace && d.Name == ref.Name && len(c) > 0 && len(c[0].Ports) > 0 {
				remote = int(c[0].Ports[0].ContainerPort)
			}
		}
	}
	local := remote
	if local < privileged {
		local += above
	}
	kind, _, _ := strings.Cut(ref.Kind, ".")
	return fmt.Sprintf("forward %s/%s %d:%d -n %s", strings.ToLower(kind), ref.Name, local, remote, ref.Namespace)
}

// forwardsWord says that ports of this machine are open.
func (a *App) forwardsWord() string {
	n, failing := 0, 0
	for _, i := range a.forwarded {
		switch i.State {
		case forward.Failing:
			failing++
			n++
		case forward.Listening:
			n++
		}
	}
	t := a.ctx.Theme
	switch {
	case n == 0:
		return ""
	case failing > 0:
		return t.Tone(theme.Bad).Render(fmt.Sprintf("%s %d of %s failing", t.Icons.Failing, failing, widget.Plural(n, "forward", "forwards")))
	}
	return t.Tone(theme.Accent).Render(widget.Plural(n, "forward", "forwards"))
}

// forwardWords reads a line that begins with forward.
func forwardWords(line string) ([]string, bool) {
	words, err := command.Args(line)
	if err != nil || len(words) == 0 || words[0] != "forward" && words[0] != "forwards" {
		return nil, false
	}
	return words[1:], true
}
