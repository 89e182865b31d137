package controlplane

import (
	"slices"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"kubarium/cluster/trace"
)

// answer is what is kept of an audit record until somebody reads of it: at hundreds of requests
// a second, a map of words for each was the largest part of what seeing them cost.
type answer struct {
	id, stage, path  string
	received         time.Time
	latency          time.Duration
	code             int32 // 0 if there was no answer
	message          string
	user             authenticationv1.UserInfo
	as               string   // whom the user acted as, "" if nobody
	asGroups         []string // that one's groups
	annotations      []annotation
	command, session string   // of kubectl
	revisions        []string // that were written
	rules            []rbacv1.PolicyRule
	moreAdmissions   int
}

type annotation struct{ key, value string }

// newAnswer copies what the server may still change: the record is its own. What it keeps of
// the user is never changed after the request was let in.
func newAnswer(e *auditinternal.Event) *answer {
	a := &answer{
		id: string(e.AuditID), stage: string(e.Stage), path: e.RequestURI, user: e.User,
		received: e.RequestReceivedTimestamp.Time, latency: e.StageTimestamp.Sub(e.RequestReceivedTimestamp.Time),
	}
	if status := e.ResponseStatus; status != nil {
		a.code, a.message = status.Code, status.Message
	}
	if as := e.ImpersonatedUser; as != nil {
		a.as, a.asGroups = as.Username, as.Groups
	}
	a.annotations = make([]annotation, 0, len(e.Annotations))
	for key, value := range e.Annotations {
		revision, written := strings.CutPrefix(key, revisionAnnotation)
		switch {
		case written:
			a.revisions = append(a.revisions, revision)
		case key == commandAnnotation:
			a.command = value
		case key == sessionAnnotation:
			a.session = value
		default:
			a.annotations = append(a.annotations, annotation{key, value})
		}
	}
	slices.Sort(a.revisions)
	return a
}

// sought are the fields by which requests are found without being read in full: nil if there are
// none, as with most.
func (a *answer) sought() map[string]string {
	if len(a.revisions) == 0 && a.command == "" && a.session == "" {
		return nil
	}
	fields := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			fields[key] = value
		}
	}
	set("command", a.command)
	set("session", a.session)
	set("revisions", strings.Join(a.revisions, ","))
	return fields
}

// size is about how many bytes of memory the fields take.
func (a *answer) size() int {
	const usual = 1 << 10
	n := usual + len(a.path) + len(a.message)
	for _, one := range a.annotations {
		n += len(one.key) + len(one.value)
	}
	return n
}

// describe completes the event of the request.
func (a *answer) describe(event *trace.Event) {
	fields := event.Fields
	fields["auditID"], fields["stage"], fields["path"] = a.id, a.stage, a.path
	fields["received"] = a.received.UTC().Format(time.RFC3339Nano)
	fields["latency"] = a.latency.String()
	for _, one := range a.annotations {
		fields[one.key] = one.value
	}
	if a.code != 0 {
		fields["code"] = strconv.Itoa(int(a.code))
	}
	if a.moreAdmissions > 0 {
		fields["admissionMore"] = strconv.Itoa(a.moreAdmissions)
	}
	for key, value := range map[string]string{
		"message": a.message, "as": a.as, "authentication": authentication(a.user), "allowedBy": a.allowedBy(),
	} {
		if value != "" {
			fields[key] = value
		}
	}
	if rule := describeRule(asked(event), a.rules); rule != "" {
		fields["rule"] = rule
	}
	describeRequest(event)
}
