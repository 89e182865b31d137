package story

import (
	"bytes"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// TestOTLPIsReadByOpenTelemetry reads what is written by OpenTelemetry's own types. IDs are
// hexadecimal there by an exception to protobuf's JSON, which takes them for base64 of
// other bytes: enough to compare them.
func TestOTLPIsReadByOpenTelemetry(t *testing.T) {
	first := time.Unix(100, 5)
	var spans []*tracepb.Span
	var services []string
	for _, step := range []Step{
		{Seq: 7, Time: first, Who: "kubectl", What: "create pods/web", Why: "you asked"},
		{Seq: 9, Time: first.Add(time.Second), Who: "kube-scheduler", What: "bind pods/web", Certain: true},
	} {
		var line bytes.Buffer
		if err := WriteOTLP(&line, step, first); err != nil {
			t.Fatal(err)
		}
		var data tracepb.TracesData
		if err := protojson.Unmarshal(line.Bytes(), &data); err != nil {
			t.Fatalf("%v: %s", err, line.Bytes())
		}
		spans = append(spans, data.ResourceSpans[0].ScopeSpans[0].Spans...)
		services = append(services, data.ResourceSpans[0].Resource.Attributes[0].Value.GetStringValue())
	}
	root, child := spans[0], spans[1]
	if len(root.ParentSpanId) != 0 || !bytes.Equal(child.ParentSpanId, root.SpanId) || !bytes.Equal(root.TraceId, child.TraceId) {
		t.Errorf("not one trace: %v, %v", root, child)
	}
	if bytes.Equal(root.SpanId, child.SpanId) || child.StartTimeUnixNano != 101_000_000_005 || child.Name != "bind pods/web" {
		t.Errorf("%v", child)
	}
	if services[0] != "kubectl" || services[1] != "kube-scheduler" {
		t.Errorf("services %v", services)
	}
}
