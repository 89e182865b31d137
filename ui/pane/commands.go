package pane

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/watch"
)

// Command is a kubectl command that a key writes for an object, wherever that is shown: to
// be run as it is or changed first.
type Command struct {
	Key, Desc, Long string
	// Bar is whether its key belongs into the key bar of what it is for.
	Bar bool
	// Kinds are what it is for, as a watch.Ref has them, and Only says so of others.
	Kinds []string
	Only  string
	// Verb and Subresource are the right that it takes; "" if it only looks.
	Verb, Subresource string
	// before and after are the words around the object.
	before, after string
}

// Rolling are the kinds that replace their pods step by step, and keep their versions.
func Rolling() []string { return []string{"Deployment", "StatefulSet", "DaemonSet"} }

// Commands are those that there are.
func Commands() []Command {
	return []Command{
		{
			Key: "S", Desc: "scale", Long: "write the command that scales it", Bar: true,
			Kinds: []string{"Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"}, Only: "what has replicas is scaled",
			Verb: "patch", Subresource: "scale", before: "scale", after: "--replicas=",
		},
		{
			Key: "R", Desc: "restart", Long: "write the command that replaces its pods, one after the other",
			Kinds: Rolling(), Only: "what rolls out is restarted", Verb: "patch", before: "rollout restart",
		},
		{
			Key: "H", Desc: "rollout history", Long: "write the command that lists its versions",
			Kinds: Rolling(), Only: "what rolls out has versions", before: "rollout history",
		},
		{
			Key: "U", Desc: "undo rollout", Long: "write the command that goes back to the version before",
			Kinds: Rolling(), Only: "what rolls out is undone", Verb: "patch", before: "rollout undo",
		},
	}
}

// Write puts the command for objects into the command line. kubectl changes several at once if
// they are in one namespace.
func (c Command) Write(refs ...watch.Ref) tea.Cmd {
	for _, r := range refs {
		if r.Namespace != refs[0].Namespace {
			return send(keys.DisabledMsg{Why: "what is marked is in several namespaces: kubectl takes one at a time (n shows one)"})
		}
	}
	return prompt(c.before, c.after, refs...)
}

// Prompt puts a kubectl command for an object into the command line.
func Prompt(words string, ref watch.Ref) tea.Cmd { return prompt(words, "", ref) }

func prompt(before, after string, refs ...watch.Ref) tea.Cmd {
	words := []string{before}
	for _, r := range refs {
		words = append(words, r.String())
	}
	if len(refs) > 0 && refs[0].Namespace != "" {
		words = append(words, "-n", refs[0].Namespace)
	}
	if after != "" {
		words = append(words, after)
	}
	return send(PromptMsg{Command: strings.Join(words, " ")})
}
