package story

import (
	"bytes"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"kubarium/cluster/trace"
)

// exported reads what is written of steps by OpenTelemetry's own types, and who did them. IDs
// are hexadecimal there by an exception to protobuf's JSON, which takes them for base64 of
// other bytes: enough to compare them.
func exported(t *testing.T, steps []Step) (spans []*tracepb.Span, services []string) {
	t.Helper()
	for _, step := range steps {
		var line bytes.Buffer
		if err := WriteOTLP(&line, step, steps[0].Time); err != nil {
			t.Fatal(err)
		}
		var data tracepb.TracesData
		if err := protojson.Unmarshal(line.Bytes(), &data); err != nil {
			t.Fatalf("%v: %s", err, line.Bytes())
		}
		spans = append(spans, data.ResourceSpans[0].ScopeSpans[0].Spans...)
		services = append(services, data.ResourceSpans[0].Resource.Attributes[0].Value.GetStringValue())
	}
	return spans, services
}

func TestOTLPIsReadByOpenTelemetry(t *testing.T) {
	first := time.Unix(100, 5)
	spans, services := exported(t, []Step{
		{Number: 1, Seq: 7, Time: first, Start: first, End: first.Add(time.Millisecond), Who: "kubectl", What: "create pods/web", Why: "you asked"},
		{Number: 2, Seq: 9, Time: first.Add(time.Second), Start: first.Add(time.Second), End: first.Add(2 * time.Second), Who: "kube-scheduler", What: "bind pods/web", Certain: true},
	})
	root, child := spans[0], spans[1]
	if len(root.ParentSpanId) != 0 || !bytes.Equal(child.ParentSpanId, root.SpanId) || !bytes.Equal(root.TraceId, child.TraceId) {
		t.Errorf("not one trace: %v, %v", root, child)
	}
	if bytes.Equal(root.SpanId, child.SpanId) || child.StartTimeUnixNano != 101_000_000_005 || child.EndTimeUnixNano != 102_000_000_005 || child.Name != "bind pods/web" {
		t.Errorf("%v", child)
	}
	if services[0] != "kubectl" || services[1] != "kube-scheduler" {
		t.Errorf("services %v", services)
	}
}

// TestOTLPOfAStory: steps that one event shows at one time are spans of their own, and what
// is known to have taken time has a length.
func TestOTLPOfAStory(t *testing.T) {
	p := &tape{story: New(Root{Agent: "follow-x"})}
	pod := object("Pod", "a", "p")
	p.write(1, "create", pod, 1)
	p.add(trace.Event{
		Time: p.at(3), Component: "kube-apiserver", Verb: "create", Object: trace.Object{Resource: "pods", Namespace: "shop", Name: "a"}, Actor: "eve", Agent: "kubectl/v1 follow-x",
		Fields: map[string]string{
			"received": p.at(0).Format(time.RFC3339Nano), "code": "201", "revisions": "1", "path": "/api/v1/namespaces/shop/pods", "auditID": "1",
			"authentication": "client certificate", "allowedBy": "group system:masters may do all",
			"admission": `[{"plugin":"Priority","changes":["a"]},{"plugin":"ServiceAccount","changes":["b"]}]`,
		},
	})
	p.add(trace.Event{Time: p.at(9), Component: "kube-scheduler", Verb: "schedule", Object: pod, Fields: map[string]string{"node": "node-2", "latency": "4ms"}})
	spans, _ := exported(t, p.story.Settle(p.at(10_000)))
	ids, roots := map[string]bool{}, 0
	for _, s := range spans {
		ids[string(s.SpanId)] = true
		if len(s.ParentSpanId) == 0 {
			roots++
		}
	}
	if len(spans) != 7 || len(ids) != len(spans) || roots != 1 {
		t.Errorf("%d spans have %d IDs, %d are roots", len(spans), len(ids), roots)
	}
	took := map[string]time.Duration{}
	for _, s := range spans {
		if len(s.ParentSpanId) > 0 && !ids[string(s.ParentSpanId)] {
			t.Errorf("%s has a parent that is not there", s.Name)
		}
		took[s.Name] = time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano)
	}
	for name, want := range map[string]time.Duration{
		"asks to create Pod shop/a: /api/v1/namespaces/shop/pods": 3 * time.Millisecond, "creates Pod shop/a": 3 * time.Millisecond,
		"chooses node-2 for Pod shop/a": 4 * time.Millisecond, "knows eve by client certificate": 0,
	} {
		if got, told := took[name]; !told || got != want {
			t.Errorf("%q takes %s, not %s: %v", name, got, want, took)
		}
	}
}
