package cluster

import (
	"errors"
	"testing"

	"kubarium/cluster/component"
)

// TestFullComponentIsTold proves that a full etcd is Unhealthy for as long as it is full,
// and that no other state is lost for it.
func TestFullComponentIsTold(t *testing.T) {
	tracker := newTracker()
	tracker.add("etcd", "")
	told := ""
	for _, step := range []struct {
		set  component.State
		full error
		want component.State
		says string
	}{
		{component.Starting, errors.New("full"), component.Starting, ""},
		{component.Ready, nil, component.Ready, ""},
		{"", errors.New("full"), component.Unhealthy, "full"},
		{"", errors.New("nearly full"), component.Unhealthy, "nearly full"},
		{"", nil, component.Ready, ""},
		{"", errors.New("full"), component.Unhealthy, "full"},
		{component.Stopped, errors.New("full"), component.Stopped, ""},
		{component.Unhealthy, nil, component.Unhealthy, ""},
		{"", errors.New("full"), component.Unhealthy, ""},
	} {
		if step.set != "" {
			tracker.set("etcd", step.set, "")
		}
		told = tracker.tellRoom("etcd", told, step.full)
		if info, _ := tracker.get("etcd"); info.State != step.want || info.Message != step.says {
			t.Errorf("%+v: it is %s, %q", step, info.State, info.Message)
		}
	}
}
