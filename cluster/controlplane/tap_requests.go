package controlplane

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

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
			t.store.AddLate(t.event(e))
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

func (t *requestTap) event(e *auditinternal.Event) (trace.Event, trace.Late) {
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
	a := newAnswer(e)
	event.Fields = a.sought()
	// What takes time is done when somebody reads it, with the rules that there are now.
	a.rules = t.rules.rules(e.Annotations[reasonAnnotation])
	late := trace.Late{Complete: a.describe, Kept: a.size()}
	if e.Stage == auditinternal.StageResponseStarted {
		return event, late
	}
	notes, more := t.admissions.end(e.AuditID)
	a.moreAdmissions = more
	if len(notes) > 0 {
		late.Size, late.Brief = len(notes)*admissionSize, a.describe
		late.Complete = func(event *trace.Event) {
			if data, err := json.Marshal(describeAdmission(notes)); err == nil {
				event.Fields["admission"] = string(data)
			}
			a.describe(event)
		}
	}
	return event, late
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
