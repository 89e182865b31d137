package history

import (
	"testing"
	"time"

	"kubarium/cluster/trace"
)

func TestMoments(t *testing.T) {
	store := trace.NewStore()
	write := func(component, verb, key, revision string) {
		store.Add(trace.Event{Component: component, Verb: verb, Time: time.Unix(1, 0), Fields: map[string]string{"key": key, "revision": revision}})
	}
	write("etcd", "create", "/registry/pods/default/web", "5")
	write("etcd", "update", "/registry/leases/kube-node-lease/node-1", "6")
	write("etcd", "create", "/registry/events/default/web.1", "7")
	write("kube-apiserver", "create", "/registry/pods/default/web", "8")
	write("etcd", "lost", "", "")
	write("etcd", "delete", "/registry/pods/default/web", "9")
	write("etcd", "delete", "/registry/pods/default/web2", "9")
	list := Moments(store)
	if len(list) != 2 || list[0].Revision != 5 || list[0].String() != "create pods/default/web" || list[1].String() != "delete pods/default/web and 1 more" {
		t.Errorf("%+v", list)
	}
	if Moments(nil) != nil {
		t.Error("moments of no trace")
	}
}
