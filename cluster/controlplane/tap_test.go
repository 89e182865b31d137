package controlplane

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	clientv3 "go.etcd.io/etcd/client/v3"

	"kubarium/cluster/trace"
)

const tapped = "tapped"

// change has the API server do something of each kind, in the namespace tapped.
func (p *plane) change() {
	p.t.Helper()
	ctx := bounded(p.t)
	namespaces, maps := p.client.CoreV1().Namespaces(), p.client.CoreV1().ConfigMaps(tapped)
	_, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tapped}}, metav1.CreateOptions{})
	p.must(err)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Data: map[string]string{"k": "old"}}, metav1.CreateOptions{})
	p.must(err)
	_, err = maps.Patch(ctx, "c", types.MergePatchType, []byte(`{"data":{"k":"new"}}`), metav1.PatchOptions{})
	p.must(err)
	_, err = maps.Get(ctx, "absent", metav1.GetOptions{})
	if err == nil {
		p.t.Fatal("an absent object was found")
	}
	_, err = p.client.CoreV1().Secrets(tapped).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"password": "hunter2"}}, metav1.CreateOptions{})
	p.must(err)
	// etcd forgets events by a lease.
	events := p.client.CoreV1().Events(tapped)
	_, err = events.Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e"}, InvolvedObject: corev1.ObjectReference{Kind: "ConfigMap", Namespace: tapped, Name: "c"},
	}, metav1.CreateOptions{})
	p.must(err)
	p.must(events.Delete(ctx, "e", metav1.DeleteOptions{}))
	p.must(maps.Delete(ctx, "c", metav1.DeleteOptions{}))
}

func (p *plane) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestTapsAgainstAuditLogAndEtcd compares what the taps saw with the API server's
// own audit log, and with the history that etcd keeps.
func TestTapsAgainstAuditLogAndEtcd(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) {
		c.Trace = trace.NewStore()
		c.AuditLog = c.Logs.Path("audit")
	})
	p.start()
	p.change()
	const configMap, event = "/registry/configmaps/" + tapped + "/c", "/registry/events/" + tapped + "/e"
	history := p.history(configMap)
	// The tap has seen all when it saw the last revision.
	var events []trace.Event
	err := p.config.Trace.Follow(bounded(t), 0, func(e trace.Event, lost uint64) error {
		if lost > 0 {
			t.Errorf("%d events lost", lost)
		}
		events = append(events, e)
		if e.Component == etcdName && e.Fields["revision"] == history[len(history)-1].revision {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatal(err)
	}
	p.compareRequests()
	compareWrites(t, events, configMap, history)
	if len(history) != 3 {
		t.Errorf("etcd has %+v", history)
	}
	leased := p.history(event)
	compareWrites(t, events, event, leased)
	if len(leased) != 2 || leased[0].lease == "" {
		t.Errorf("etcd has %+v of an event", leased)
	}
	for _, e := range events {
		if e.Verb == "update" && e.Fields["key"] == configMap && !strings.Contains(e.Fields["diff"], `.data.k: "old" -> "new"`) {
			t.Errorf("diff %q", e.Fields["diff"])
		}
		if text := fmt.Sprint(e); strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
			t.Errorf("the trace has a Secret's contents: %s", text)
		}
	}
}

var errSeen = fmt.Errorf("seen")

type write struct{ verb, revision, size, lease string }

// history asks etcd for each revision of a key, as etcdctl watch --rev=1 does.
func (p *plane) history(key string) []write {
	p.t.Helper()
	client, err := p.Etcd.Client()
	p.must(err)
	defer client.Close()
	var list []write
	for response := range client.Watch(bounded(p.t), key, clientv3.WithRev(1)) {
		p.must(response.Err())
		for _, e := range response.Events {
			w := write{verb: "update", revision: strconv.FormatInt(e.Kv.ModRevision, 10), size: strconv.Itoa(len(e.Kv.Value))}
			if e.Kv.Lease != 0 {
				w.lease = fmt.Sprintf("%x", e.Kv.Lease)
			}
			if e.IsCreate() {
				w.verb = "create"
			}
			if e.Type == clientv3.EventTypeDelete {
				return append(list, write{verb: "delete", revision: w.revision, size: "0"})
			}
			list = append(list, w)
		}
	}
	p.t.Fatal("the key was never deleted")
	return nil
}

func compareWrites(t *testing.T, events []trace.Event, key string, history []write) {
	t.Helper()
	name := key[strings.LastIndex(key, "/")+1:]
	kind := map[string]string{"c": "ConfigMap", "e": "Event"}[name]
	var seen []write
	for _, e := range events {
		if e.Component != etcdName || e.Fields["key"] != key {
			continue
		}
		seen = append(seen, write{e.Verb, e.Fields["revision"], e.Fields["size"], e.Fields["lease"]})
		if e.Object.Kind != kind || e.Object.Namespace != tapped || e.Object.Name != name || e.Object.UID == "" {
			t.Errorf("object %+v", e.Object)
		}
	}
	if !slices.Equal(seen, history) {
		t.Errorf("tap saw %q, etcd has %q", seen, history)
	}
}

// logTime is a time as the audit log writes it.
func logTime(t time.Time) string { return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano) }

// compareRequests matches each request in the namespace, in both directions.
func (p *plane) compareRequests() {
	p.t.Helper()
	p.must(p.APIServer.Stop(bounded(p.t)))
	file, err := os.Open(p.config.AuditLog)
	p.must(err)
	defer file.Close()
	inNamespace := func(path string) bool { return strings.HasPrefix(path, "/api/v1/namespaces/"+tapped+"/") }
	var logged, seen []string
	// took is how long the audit log says that a request took.
	took := map[string]time.Duration{}
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var e auditv1.Event
		p.must(json.Unmarshal(scanner.Bytes(), &e))
		if inNamespace(e.RequestURI) {
			logged = append(logged, fmt.Sprint(e.AuditID, e.Stage, e.Verb, e.RequestURI, e.User.Username, e.UserAgent, e.ResponseStatus.Code, e.Annotations["authorization.k8s.io/reason"],
				logTime(e.RequestReceivedTimestamp.Time), logTime(e.StageTimestamp.Time)))
			took[fmt.Sprint(e.AuditID, e.Stage)] = e.StageTimestamp.Sub(e.RequestReceivedTimestamp.Time)
		}
	}
	p.must(scanner.Err())
	p.must(p.config.Trace.Kept(func(e trace.Event) error {
		if f := e.Fields; e.Component == APIServerName && inNamespace(f["path"]) {
			code, err := strconv.Atoi(f["code"])
			p.must(err)
			received, err := time.Parse(time.RFC3339Nano, f["received"])
			p.must(err)
			seen = append(seen, fmt.Sprint(types.UID(f["auditID"]), auditv1.Stage(f["stage"]), e.Verb, f["path"], e.Actor, e.Agent, int32(code), f["authorization.k8s.io/reason"],
				logTime(received), logTime(e.Time)))
			latency, err := time.ParseDuration(f["latency"])
			p.must(err)
			// Both times of the log are cut.
			if logged := took[f["auditID"]+f["stage"]]; (latency - logged).Abs() >= time.Microsecond {
				p.t.Errorf("%s %s took %v, the audit log says %v", e.Verb, f["path"], latency, logged)
			}
		}
		return nil
	}))
	slices.Sort(logged)
	slices.Sort(seen)
	if len(logged) < 5 || !slices.Equal(logged, seen) {
		p.t.Errorf("audit log has\n%s\ntap saw\n%s", strings.Join(logged, "\n"), strings.Join(seen, "\n"))
	}
}
