// Package trace keeps what the taps in a cluster's components saw: the newest
// events, in one bounded store that any number of readers follow.
package trace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubarium/cluster/printable"
)

// Event is one thing that a tap saw happen.
type Event struct {
	// Seq counts the events of one run of a cluster, from 1.
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	// Component is where it was seen: "kube-apiserver", "etcd".
	Component string `json:"component"`
	Verb      string `json:"verb"`
	Object    Object `json:"object,omitzero"`
	// Actor is who did it, by authentication; Agent is what they call themselves.
	Actor string `json:"actor,omitempty"`
	Agent string `json:"agent,omitempty"`
	// Detail is for people, Fields are for programs.
	Detail string            `json:"detail,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
}

// PID is a field of events in which a process is started: its number, as its node sees it.
const PID = "pid"

// Object names what an event is about, as far as the tap knows.
type Object struct {
	Group       string `json:"group,omitempty"`
	Version     string `json:"version,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Resource    string `json:"resource,omitempty"`
	Subresource string `json:"subresource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	UID         string `json:"uid,omitempty"`
}

// String returns the object as kubectl would name it: "deployments.apps/shop/web".
func (o Object) String() string {
	what := o.Resource
	if what == "" {
		what = strings.ToLower(o.Kind)
	}
	if o.Group != "" {
		what += "." + o.Group
	}
	namespace := o.Namespace
	if o.Resource == "namespaces" {
		// A request has a namespace's own name there, too.
		namespace = ""
	}
	parts := slices.DeleteFunc([]string{what, namespace, o.Name}, func(s string) bool { return s == "" })
	s := strings.Join(parts, "/")
	if o.Subresource != "" {
		s += " (" + o.Subresource + ")"
	}
	return s
}

// Line returns the event on one line, for a terminal.
func (e Event) Line() string {
	line := fmt.Sprintf("%s  %-14s  %-8s %s", e.Time.Local().Format("15:04:05.000"), e.Component, e.Verb, e.Object)
	if e.Actor != "" {
		line += "  by " + e.Actor
	}
	if e.Detail != "" {
		line += "  " + e.Detail
	}
	return printable.Text(strings.TrimRight(line, " "), '?')
}
