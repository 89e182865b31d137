package controlplane

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// describeWrite completes an etcd event with the decoded object, and what changed.
func describeWrite(event *trace.Event, before, after []byte) {
	var was, is *unstructured.Unstructured
	var err error
	if len(before) > 0 {
		if was, err = stored.Decode(before); err != nil {
			event.Detail += ", " + err.Error()
			return
		}
	}
	if len(after) > 0 {
		if is, err = stored.Decode(after); err != nil {
			event.Detail += ", " + err.Error()
			return
		}
	}
	shown := is
	if shown == nil {
		shown = was
	}
	if shown == nil {
		return
	}
	kind := shown.GroupVersionKind()
	event.Object.Group, event.Object.Version, event.Object.Kind = kind.Group, kind.Version, kind.Kind
	event.Object.Namespace, event.Object.Name, event.Object.UID = shown.GetNamespace(), shown.GetName(), string(shown.GetUID())
	for i, owner := range shown.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller || i == 0 {
			event.Fields["ownerUID"], event.Fields["owner"] = string(owner.UID), owner.Kind+"/"+owner.Name
		}
	}
	tellFacts(event.Fields, shown)
	if was == nil || is == nil {
		return
	}
	changes := stored.Diff(was, is)
	event.Fields["diff"] = strings.Join(changes, "\n")
	event.Detail += ": " + strings.Join(changes, "; ")
}

// tellFacts keeps of an object what joins it to others, and what people ask first.
func tellFacts(fields map[string]string, o *unstructured.Unstructured) {
	text := func(field string, path ...string) {
		if value, found, _ := unstructured.NestedString(o.Object, path...); found && value != "" {
			fields[field] = value
		}
	}
	switch o.GetKind() {
	case "Event":
		text("regarding", "involvedObject", "uid")
		text("reason", "reason")
		text("note", "message")
	case "Pod":
		text("nodeName", "spec", "nodeName")
		text("phase", "status", "phase")
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range conditions {
			if condition, ok := c.(map[string]any); ok && condition["type"] == "Ready" {
				fields["ready"] = fmt.Sprint(condition["status"])
			}
		}
	case "EndpointSlice":
		endpoints, _, _ := unstructured.NestedSlice(o.Object, "endpoints")
		var targets []string
		fields["endpoints"] = strings.Join(readyEndpoints(o.Object, endpoints), " ")
		for _, e := range endpoints {
			if endpoint, ok := e.(map[string]any); ok {
				if uid, found, _ := unstructured.NestedString(endpoint, "targetRef", "uid"); found {
					targets = append(targets, uid)
				}
			}
		}
		fields["targets"] = strings.Join(targets, ",")
		fields["service"] = o.GetLabels()["kubernetes.io/service-name"]
	}
}

// readyEndpoints are the addresses and ports of an EndpointSlice that take packets.
func readyEndpoints(object map[string]any, endpoints []any) []string {
	ports, _, _ := unstructured.NestedSlice(object, "ports")
	var list []string
	for _, e := range endpoints {
		endpoint, ok := e.(map[string]any)
		if !ok {
			continue
		}
		// What says nothing of it is ready, by the API's own word.
		if ready, found, _ := unstructured.NestedBool(endpoint, "conditions", "ready"); found && !ready {
			continue
		}
		addresses, _, _ := unstructured.NestedStringSlice(endpoint, "addresses")
		for _, address := range addresses {
			for _, p := range ports {
				if port, ok := p.(map[string]any); ok && port["port"] != nil {
					list = append(list, net.JoinHostPort(address, fmt.Sprint(port["port"])))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}
