package controlplane

import (
	"maps"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	corev1 "k8s.io/api/core/v1"

	"kubarium/cluster/trace"
)

// answered is the record of a request as the API server makes it.
func answered() *auditinternal.Event {
	received := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	return &auditinternal.Event{
		AuditID: "0fb2c1a6-0b3e-4a0e-8f57-f3a3a4d0d6a1", Stage: auditinternal.StageResponseComplete, Verb: "update",
		RequestURI: "/api/v1/namespaces/default/configmaps/settings?fieldManager=kubectl", UserAgent: "kubectl/v1.37.1",
		User:             authenticationv1.UserInfo{Username: "kubernetes-admin", Groups: []string{"kubeadm:cluster-admins"}},
		ImpersonatedUser: &authenticationv1.UserInfo{Username: "ann", Groups: []string{"system:masters"}},
		ObjectRef:        &auditinternal.ObjectReference{Resource: "configmaps", Namespace: "default", Name: "settings", APIVersion: "v1"},
		ResponseStatus:   &metav1.Status{Code: 200, Message: "as asked"},
		Annotations: map[string]string{
			decisionAnnotation: "allow", reasonAnnotation: "", revisionAnnotation + "12": "written", revisionAnnotation + "11": "written",
			commandAnnotation: "kubectl apply", sessionAnnotation: "7d3f",
		},
		RequestReceivedTimestamp: metav1.NewMicroTime(received), StageTimestamp: metav1.NewMicroTime(received.Add(1500 * time.Microsecond)),
	}
}

// told is what a store of its own has of a record.
func told(t *testing.T, tap *requestTap, record *auditinternal.Event) *trace.Store {
	t.Helper()
	tap.store = trace.NewStore()
	if !tap.ProcessEvents(record) || tap.store.Last() != 1 {
		t.Fatalf("%d events are told of one record", tap.store.Last())
	}
	return tap.store
}

// TestAnswerIsToldAsItWas looks at an answer before and after somebody reads it, after the server
// went on with its record.
func TestAnswerIsToldAsItWas(t *testing.T) {
	record := answered()
	store := told(t, &requestTap{}, record)
	record.Annotations["more"], record.ResponseStatus.Code, record.ImpersonatedUser = "later", 500, nil
	want := map[string]string{
		"auditID": string(record.AuditID), "stage": "ResponseComplete", "path": record.RequestURI,
		"received": "2026-01-02T03:04:05.000006Z", "latency": "1.5ms", "code": "200", "message": "as asked",
		"as": "ann", "allowedBy": "group system:masters may do all", decisionAnnotation: "allow", reasonAnnotation: "",
		"revisions": "11,12", "command": "kubectl apply", "session": "7d3f",
	}
	looked := func(trace.Event) bool { return true }
	store.Scan(0, looked, func(e trace.Event) {
		if !maps.Equal(e.Fields, want) || e.Detail != "" {
			t.Errorf("unread, it has %v, want %v", e.Fields, want)
		}
	})
	event, kept := store.Event(1)
	if !kept || !maps.Equal(event.Fields, want) {
		t.Errorf("read, it has %v, want %v", event.Fields, want)
	}
	if want := "200 in 1.5ms, as ann, group system:masters may do all, as asked"; event.Detail != want {
		t.Errorf("it says %q, want %q", event.Detail, want)
	}
}

// TestAnswerWithoutItsAdmission has what admission changed let go, which is large, by the next that
// are as large.
func TestAnswerWithoutItsAdmission(t *testing.T) {
	tap := &requestTap{store: trace.NewStore()}
	before := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}}
	after := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"a": "b"}}
	note := admissionNote{plugin: "Settings", kind: schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, before: before, after: after}
	for tap.store.Stats().Undecoded == 0 {
		notes := &admissionNotes{more: 2}
		for range maxAdmissions {
			notes.add(note)
		}
		record := answered()
		tap.admissions.requests.Store(record.AuditID, notes)
		tap.ProcessEvents(record)
	}
	brief, _ := tap.store.Event(1)
	whole, _ := tap.store.Event(tap.store.Last())
	if list, err := whole.Admissions(); err != nil || len(list) != maxAdmissions || list[0].Plugin != "Settings" || len(list[0].Changes) == 0 {
		t.Errorf("admission is told as %v (%v)", list, err)
	}
	if f := brief.Fields; f["admission"] != "" || f["code"] != "200" || f["admissionMore"] != "2" || !strings.HasPrefix(brief.Detail, "200 in 1.5ms") {
		t.Errorf("without it there is %v: %s", f, brief.Detail)
	}
}
