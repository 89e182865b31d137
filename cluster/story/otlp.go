package story

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

// spanInternal is SPAN_KIND_INTERNAL, root the number of the step that all others come of.
const (
	spanInternal = 1
	root         = 1
)

// WriteOTLP writes a step as one line of an OTLP file: a span of a trace that all steps
// of the story which began at first share, whose root is its first step. What did it is the
// service. Of the root's children, many begin when it has ended: they come of it, it does not
// wait for them. A step whose length is not known is a moment.
func WriteOTLP(out io.Writer, step Step, first time.Time) error {
	trace := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(first.UnixNano())))
	id := func(number int) string {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(trace[:]), uint64(number)))
		return hex.EncodeToString(sum[:8])
	}
	s := span{
		TraceID: hex.EncodeToString(trace[:16]), SpanID: id(step.Number), ParentSpanID: id(root),
		Name: step.What, Kind: spanInternal, Start: nanoseconds(step.Start), End: nanoseconds(step.End),
		Attributes: []attribute{
			{"kubarium.why", value{step.Why}},
			{"kubarium.certain", value{strconv.FormatBool(step.Certain)}},
			{"kubarium.detail", value{step.Detail}},
			{"k8s.object", value{step.Object.String()}},
			{"k8s.object.uid", value{step.Object.UID}},
		},
	}
	if step.Number == root {
		s.ParentSpanID = ""
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

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
