package rewind

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kubarium/cluster/stored"
)

// addressKeys are those of the Services' addresses, which are in no namespace.
const addressKeys = registry + "ipaddresses/"

// errTaken says that somebody else has an address now.
var errTaken = errors.New("a Service of that time had an address that another one has now")

// errVolumes says that what a claim stood for need not be there any more.
var errVolumes = errors.New("the namespace had volumes, which are not brought back by themselves")

// within is what the cluster has to be so that one namespace is as it was then, and all
// else as it is now.
func (then State) within(now State) (State, error) {
	all := State{Revision: then.Revision, Keys: map[string]KV{}}
	for key, kv := range now.Keys {
		if of, err := then.concerns(kv); err != nil {
			return all, err
		} else if !of {
			all.Keys[key] = kv
		}
	}
	for key, kv := range then.Keys {
		of, err := then.concerns(kv)
		if err != nil {
			return all, err
		}
		_, taken := all.Keys[key]
		switch {
		case !of:
			continue
		case taken:
			return all, errTaken
		case strings.HasPrefix(key, registry+"persistentvolumeclaims/"):
			return all, errVolumes
		}
		all.Keys[key] = kv
	}
	return all, nil
}

// concerns reports whether a key belongs to the one namespace that is brought back.
func (then State) concerns(kv KV) (bool, error) {
	if !strings.HasPrefix(kv.Key, addressKeys) {
		return namespaceOf(kv.Key) == then.Only || kv.Key == registry+"namespaces/"+then.Only, nil
	}
	address, err := stored.Decode(kv.Value)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", kv.Key, err)
	}
	spec, _ := address.Object["spec"].(map[string]any)
	parent, _ := spec["parentRef"].(map[string]any)
	return parent["namespace"] == then.Only, nil
}

// namespaceOf is the namespace that a key is in, "" for none.
func namespaceOf(key string) string {
	parts := strings.Split(strings.TrimPrefix(key, registry), "/")
	at := 1
	// Custom resources lie below their group, Services and Endpoints below a word.
	if strings.Contains(parts[0], ".") || parts[0] == "services" {
		at = 2
	}
	if len(parts) != at+2 {
		return ""
	}
	return parts[at]
}

// only leaves out of a plan what concerns other namespaces.
func (p Plan) only(then State) Plan {
	other := func(kv KV) bool { of, err := then.concerns(kv); return err != nil || !of }
	return Plan{Put: slices.DeleteFunc(p.Put, other), Delete: slices.DeleteFunc(p.Delete, other)}
}
