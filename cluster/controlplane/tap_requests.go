package controlplane

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/audit/policy"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"kubarium/cluster/trace"
)

// tapRequests has the API server tell the store of each request it answered. It is an
// audit backend: what an audit log would have, and no other path through the server.
func tapRequests(config *genericapiserver.Config, store *trace.Store, rules *ruleBook) {
	tap := &requestTap{store: store, rules: rules}
	chain := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(h http.Handler, c *genericapiserver.Config) http.Handler {
		return chain(tap.note(h), c)
	}
	if config.AuditBackend != nil && config.AuditPolicyRuleEvaluator != nil {
		config.AuditBackend = audit.Union(config.AuditBackend, tap)
		return
	}
	config.AuditBackend = tap
	config.AuditPolicyRuleEvaluator = policy.NewPolicyRuleEvaluator(&auditinternal.Policy{
		OmitStages: []auditinternal.Stage{auditinternal.StageRequestReceived},
		Rules: []auditinternal.PolicyRule{
			{Level: auditinternal.LevelNone, NonResourceURLs: healthURLs},
			{Level: auditinternal.LevelMetadata},
		},
	})
}

// Annotations of an audit record: which command a request is part of, as kubectl's own
// headers say.
const (
	commandAnnotation = "command.kubarium.dev/name"
	sessionAnnotation = "command.kubarium.dev/session"
	// maxHeader bounds what is kept of such a header.
	maxHeader = 64
)

// note keeps what no audit record has: kubectl's headers, and what admission changes.
func (t *requestTap) note(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteHeader(r, "Kubectl-Command", commandAnnotation)
		noteHeader(r, "Kubectl-Session", sessionAnnotation)
		h.ServeHTTP(w, t.admissions.begin(r))
	})
}

func noteHeader(r *http.Request, header, annotation string) {
	if value := r.Header.Get(header); value != "" {
		audit.AddAuditAnnotation(r.Context(), annotation, value[:min(len(value), maxHeader)])
	}
}

// healthURLs are asked all the time, by ourselves too.
var healthURLs = []string{"/livez*", "/readyz*", "/healthz*"}

type requestTap struct {
	store      *trace.Store
	rules      *ruleBook
	admissions admissions
}

var _ audit.Backend = (*requestTap)(nil)

func (*requestTap) String() string            { return "trace" }
func (*requestTap) Run(<-chan struct{}) error { return nil }
func (*requestTap) Shutdown()                 {}

// ProcessEvents takes a copy of what it needs: the events are the server's.
func (t *requestTap) ProcessEvents(events ...*auditinternal.Event) bool {
	for _, e := range events {
		if e.Stage != auditinternal.StageRequestReceived && !isHealthCheck(e) {
			t.tell(e)
		}
	}
	return true
}

func isHealthCheck(e *auditinternal.Event) bool {
	if e.ObjectRef != nil {
		return false
	}
	for _, url := range healthURLs {
		if strings.HasPrefix(e.RequestURI, strings.TrimSuffix(url, "*")) {
			return true
		}
	}
	return false
}

func (t *requestTap) tell(e *auditinternal.Event) {
	event := trace.Event{
		Time: e.StageTimestamp.Time, Component: APIServerName, Verb: e.Verb,
		Actor: e.User.Username, Agent: e.UserAgent,
	}
	if ref := e.ObjectRef; ref != nil {
		event.Object = trace.Object{
			Group: ref.APIGroup, Version: ref.APIVersion, Resource: ref.Resource, Subresource: ref.Subresource,
			Namespace: ref.Namespace, Name: ref.Name, UID: string(ref.UID),
		}
	}
	var notes []admissionNote
	more := 0
	if e.Stage != auditinternal.StageResponseStarted {
		notes, more = t.admissions.end(e.AuditID)
	}
	fields := appendAnswer(make([]trace.Field, 0, usualFields), e)
	fields = appendAnnotations(fields, e.Annotations)
	if more > 0 {
		fields = append(fields, trace.Field{Key: "admissionMore", Value: strconv.Itoa(more)})
	}
	// What takes time is done when somebody reads it, with the rules that there are now.
	rules := t.rules.rules(e.Annotations[reasonAnnotation])
	brief := func(event *trace.Event) {
		if rule := describeRule(asked(event), rules); rule != "" {
			event.Fields["rule"] = rule
		}
		describeRequest(event)
	}
	if len(notes) == 0 {
		t.store.AddFields(event, fields, trace.Late{Complete: brief})
		return
	}
	t.store.AddFields(event, fields, trace.Late{Brief: brief, Size: len(notes) * admissionSize, Complete: func(event *trace.Event) {
		if data, err := json.Marshal(describeAdmission(notes)); err == nil {
			event.Fields["admission"] = string(data)
		}
		brief(event)
	}})
}

// usualFields is about how many fields a request has.
const usualFields = 16

// appendAnswer appends what the server's record says of a request and its answer.
func appendAnswer(fields []trace.Field, e *auditinternal.Event) []trace.Field {
	fields = append(fields, trace.Field{Key: "auditID", Value: string(e.AuditID)}, trace.Field{Key: "stage", Value: string(e.Stage)},
		trace.Field{Key: "path", Value: e.RequestURI},
		trace.Field{Key: "received", Value: e.RequestReceivedTimestamp.UTC().Format(time.RFC3339Nano)},
		trace.Field{Key: "latency", Value: e.StageTimestamp.Sub(e.RequestReceivedTimestamp.Time).String()})
	if e.ResponseStatus != nil {
		fields = append(fields, trace.Field{Key: "code", Value: strconv.Itoa(int(e.ResponseStatus.Code))})
		if message := e.ResponseStatus.Message; message != "" {
			fields = append(fields, trace.Field{Key: "message", Value: message})
		}
	}
	if e.ImpersonatedUser != nil {
		fields = append(fields, trace.Field{Key: "as", Value: e.ImpersonatedUser.Username})
	}
	if how := authentication(e.User); how != "" {
		fields = append(fields, trace.Field{Key: "authentication", Value: how})
	}
	if by := allowedBy(e); by != "" {
		fields = append(fields, trace.Field{Key: "allowedBy", Value: by})
	}
	return fields
}

// appendAnnotations appends what was noted while the request was answered, by the server and
// by the taps.
func appendAnnotations(fields []trace.Field, annotations map[string]string) []trace.Field {
	var revisions []string
	for key, value := range annotations {
		if revision, ok := strings.CutPrefix(key, revisionAnnotation); ok {
			revisions = append(revisions, revision)
			continue
		}
		switch key {
		case commandAnnotation:
			key = "command"
		case sessionAnnotation:
			key = "session"
		}
		fields = append(fields, trace.Field{Key: key, Value: value})
	}
	if len(revisions) > 0 {
		slices.Sort(revisions)
		fields = append(fields, trace.Field{Key: "revisions", Value: strings.Join(revisions, ",")})
	}
	return fields
}

func describeRequest(event *trace.Event) {
	f := event.Fields
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s", f["code"], f["latency"])
	switch {
	case f["stage"] == string(auditinternal.StageResponseStarted):
		b.WriteString(", goes on")
	case f["stage"] == string(auditinternal.StagePanic):
		b.WriteString(", the server panicked")
	}
	if event.Object == (trace.Object{}) {
		b.WriteString(" " + f["path"])
	}
	if as := f["as"]; as != "" {
		b.WriteString(", as " + as)
	}
	if how := f["authentication"]; how != "" {
		b.WriteString(", known by " + how)
	}
	if reason := cmp.Or(f[reasonAnnotation], f["allowedBy"]); reason != "" {
		b.WriteString(", " + reason)
	}
	if rule := f["rule"]; rule != "" {
		b.WriteString(", which " + rule)
	}
	if list, err := event.Admissions(); err == nil {
		for _, a := range list {
			b.WriteString(", admission: " + a.String())
		}
	}
	if message := f["message"]; message != "" {
		b.WriteString(", " + message)
	}
	event.Detail = b.String()
}
