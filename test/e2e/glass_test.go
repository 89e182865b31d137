package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster"
	"kubarium/cluster/hold"
	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// read reads what a command writes with -o json, one object a line.
func read[T any](t *testing.T, out string) []T {
	t.Helper()
	var list []T
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var item T
		if err := decoder.Decode(&item); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		list = append(list, item)
	}
}

// TestEtcdCommand compares what the command says of a key with what etcd answers.
func TestEtcdCommand(t *testing.T) {
	ctx, ns := bounded(t), shared.namespace(t)
	maps := shared.client.CoreV1().ConfigMaps(ns)
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "seen"}, Data: map[string]string{"k": "one"}}, metav1.CreateOptions{})
	for _, value := range []string{"two", "three"} {
		if err != nil {
			t.Fatal(err)
		}
		made.Data["k"] = value
		made, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + cluster.LayoutOf(shared.dir, shared.name).EtcdSocket()}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	key := "/registry/configmaps/" + ns + "/seen"
	found, err := client.Get(ctx, key)
	if err != nil || len(found.Kvs) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	pair := found.Kvs[0]
	want := stored.Entry{Key: key, Created: pair.CreateRevision, Revision: pair.ModRevision, Writes: pair.Version, Size: len(pair.Value), Lease: pair.Lease}
	list := read[stored.Entry](t, shared.kubarium(t, "etcd", "ls", "-o", "json", key))
	if len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(want) {
		t.Errorf("listed %+v, etcd has %+v", list, want)
	}
	type write struct {
		stored.Entry
		Changes []string `json:"changes"`
	}
	history := read[write](t, shared.kubarium(t, "etcd", "history", "-o", "json", key))
	if len(history) != 3 || !slices.Contains(history[1].Changes, `.data.k: "one" -> "two"`) || !slices.Contains(history[2].Changes, `.data.k: "two" -> "three"`) {
		t.Fatalf("history %+v", history)
	}
	for i, value := range []string{"one", "two", "three"} {
		old, err := client.Get(ctx, key, clientv3.WithRev(history[i].Revision))
		if err != nil || old.Kvs[0].ModRevision != history[i].Revision || len(old.Kvs[0].Value) != history[i].Size {
			t.Errorf("etcd has %v, %v at revision %d", old, err, history[i].Revision)
		}
		decoded := read[corev1.ConfigMap](t, shared.kubarium(t, "etcd", "get", "-o", "json", "--revision", fmt.Sprint(history[i].Revision), key))
		if len(decoded) != 1 || decoded[0].Data["k"] != value || decoded[0].UID != made.UID {
			t.Errorf("decoded %+v", decoded)
		}
		if raw := shared.kubarium(t, "etcd", "get", "-o", "raw", "--revision", fmt.Sprint(history[i].Revision), key); raw != string(old.Kvs[0].Value) {
			t.Errorf("raw value %q, etcd has %q", raw, old.Kvs[0].Value)
		}
	}
}

// TestTraceScheduling compares what is told of a pod that fits nowhere with its condition and
// with the scheduler's own event.
func TestTraceScheduling(t *testing.T) {
	ctx, ns := bounded(t), shared.namespace(t)
	pods := shared.client.CoreV1().Pods(ns)
	_, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "huge"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "kubarium/web:1.0", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")},
		}}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var message string
	eventually(t, "FailedScheduling event", func(ctx context.Context) error {
		events, err := shared.client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=huge,reason=FailedScheduling"})
		if err == nil && len(events.Items) == 0 {
			err = errors.New("there is none")
		}
		if err == nil {
			message = events.Items[0].Message
		}
		return err
	})
	attempts := read[trace.Attempt](t, shared.output(t, "trace", "scheduling", "-n", ns, "huge", "-o", "json"))
	nodes, err := shared.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil || len(attempts) != 1 || len(attempts[0].Nodes) != len(nodes.Items) {
		t.Fatalf("attempts %+v of %d nodes, %v", attempts, len(nodes.Items), err)
	}
	for _, v := range attempts[0].Nodes {
		if v.Fits || v.LeftOut || v.Plugin != "NodeResourcesFit" || len(v.Reasons) == 0 {
			t.Errorf("verdict %+v, the event says %s", v, message)
		}
		for _, reason := range v.Reasons {
			if !strings.Contains(message, reason) {
				t.Errorf("verdict %+v, the event says %s", v, message)
			}
		}
	}
	if told := shared.kubarium(t, "trace", "scheduling", "-n", ns, "huge", "--depth", "3"); !strings.Contains(told, "NodeResourcesFit      refused") || !strings.Contains(told, "skipped") {
		t.Errorf("told: %s", told)
	}
	eventually(t, "pod in the scheduler's queue", func(ctx context.Context) error {
		pod, err := pods.Get(ctx, "huge", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, p := range read[trace.PendingPod](t, shared.output(t, "trace", "scheduling", "-o", "json")) {
			if p.UID == string(pod.UID) && p.Queue == "unschedulable" && slices.Contains(p.Plugins, "NodeResourcesFit") && p.Why == pod.Status.Conditions[0].Message {
				return nil
			}
		}
		return errors.New("it is not told of")
	})
}

// TestTraceHasHolds compares what the trace tells of a hold with what the manager has.
func TestTraceHasHolds(t *testing.T) {
	ctx, ns := bounded(t), shared.namespace(t)
	if err := shared.control().Hold(ctx, hold.Rule{Name: "bindings", Namespace: ns}); err != nil {
		t.Fatal(err)
	}
	shared.kubectl(t, "-n", ns, "run", "held", "--image=kubarium/web:1.0")
	var waiting hold.Waiting
	eventually(t, "held binding", func(ctx context.Context) error {
		state, err := shared.control().Holds(ctx)
		if err == nil && len(state.Waiting) != 1 {
			err = fmt.Errorf("%d requests wait", len(state.Waiting))
		}
		if err == nil {
			waiting = state.Waiting[0]
		}
		return err
	})
	if _, err := shared.control().Release(ctx, "bindings"); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range read[trace.Event](t, shared.output(t, "trace", "--component", "hold", "-o", "json")) {
		switch {
		case e.Object.Namespace == ns:
			told = append(told, e.Verb+" "+e.Actor+" "+e.Fields["does"])
		case e.Fields["rule"] == "bindings" && (len(told) > 0 || e.Verb == "hold"):
			told = append(told, e.Verb)
		}
	}
	request := " " + waiting.User + " " + waiting.Does
	want := []string{"hold", "wait" + request, "release", "pass" + request}
	if len(told) < len(want) || !slices.Equal(told[len(told)-len(want):], want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
