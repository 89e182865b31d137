package story

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// The parts of OpenTelemetry's JSON encoding of traces that are used; see
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
type (
	tracesData struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId,omitempty"`
		Name         string      `json:"name"`
		Kind         int         `json:"kind"`
		Start        string      `json:"startTimeUnixNano"`
		End          string      `json:"endTimeUnixNano"`
		Attributes   []attribute `json:"attributes"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String string `json:"stringValue"`
	}
)

// spanInternal is SPAN_KIND_INTERNAL.
const spanInternal = 1

// WriteOTLP writes a step as one line of an OTLP file: a span of a trace that all steps
// which began at first share, whose root is the first step. What did it is the service.
// Steps are moments, so that spans have no length.
func WriteOTLP(out io.Writer, step Step, first time.Time) error {
	trace := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(first.UnixNano())))
	id := func(seq uint64) string {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(trace[:], seq))
		return hex.EncodeToString(sum[:8])
	}
	at := strconv.FormatInt(step.Time.UnixNano(), 10)
	s := span{
		TraceID: hex.EncodeToString(trace[:16]), SpanID: id(step.Seq), ParentSpanID: id(0),
		Name: step.What, Kind: spanInternal, Start: at, End: at,
		Attributes: []attribute{
			{"kubarium.why", value{step.Why}},
			{"kubarium.certain", value{strconv.FormatBool(step.Certain)}},
			{"kubarium.detail", value{step.Detail}},
			{"k8s.object", value{step.Object.String()}},
			{"k8s.object.uid", value{step.Object.UID}},
		},
	}
	if step.Time.Equal(first) {
		s.SpanID, s.ParentSpanID = id(0), ""
	}
	data := tracesData{[]resourceSpans{{
		Resource:   resource{[]attribute{{"service.name", value{step.Who}}}},
		ScopeSpans: []scopeSpans{{Scope: scope{"kubarium/follow"}, Spans: []span{s}}},
	}}}
	if err := json.NewEncoder(out).Encode(data); err != nil {
		return fmt.Errorf("write span: %w", err)
	}
	return nil
}
