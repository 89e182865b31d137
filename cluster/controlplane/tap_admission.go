package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/kubernetes/pkg/api/legacyscheme"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

const (
	// maxAdmissions bounds what is noted of one request; deleting a collection asks the
	// plugins for each object.
	maxAdmissions = 64
	// admissionSize is what a noted change counts for: nobody knows what a copy takes.
	admissionSize = 8 << 10
)

// admissions are what the admission plugins did to requests that are not answered yet. A
// request's own context never reaches the audit backend, its audit ID does.
type admissions struct{ requests sync.Map }

type admissionKey struct{}

// admission is what the plugins did to one request.
type admissionNotes struct {
	mu sync.Mutex
	// object is what the last plugin looked at, and copied as it left it.
	object, copied runtime.Object
	notes          []admissionNote
	more           int
}

type admissionNote struct {
	plugin        string
	kind          schema.GroupVersionKind
	before, after runtime.Object
	refused       string
}

// begin has the plugins' work noted for a request that may change something.
func (t *admissions) begin(r *http.Request) *http.Request {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r
	}
	context := audit.AuditContextFrom(r.Context())
	if context == nil || !context.Enabled() {
		return r
	}
	notes := &admissionNotes{}
	t.requests.Store(context.AuditID(), notes)
	return r.WithContext(withAdmission(r.Context(), notes))
}

func withAdmission(ctx context.Context, notes *admissionNotes) context.Context {
	return context.WithValue(ctx, admissionKey{}, notes)
}

// end returns what was noted, and forgets it.
func (t *admissions) end(id types.UID) ([]admissionNote, int) {
	value, ok := t.requests.LoadAndDelete(id)
	if !ok {
		return nil, 0
	}
	n, ok := value.(*admissionNotes)
	if !ok {
		return nil, 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.object, n.copied = nil, nil
	return n.notes, n.more
}

// tapAdmission wraps each plugin, to compare the object before and after it.
func tapAdmission(handler admission.Interface, name string) admission.Interface {
	return tappedPlugin{handler, name}
}

type tappedPlugin struct {
	admission.Interface
	name string
}

var (
	_ admission.MutationInterface   = tappedPlugin{}
	_ admission.ValidationInterface = tappedPlugin{}
)

// Admit implements admission.MutationInterface.
func (p tappedPlugin) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	mutator, ok := p.Interface.(admission.MutationInterface)
	if !ok {
		return nil
	}
	notes, ok := ctx.Value(admissionKey{}).(*admissionNotes)
	if !ok {
		return mutator.Admit(ctx, a, o)
	}
	seen := &seenAttributes{Attributes: a, notes: notes}
	err := mutator.Admit(ctx, seen, o)
	notes.compare(p.name, a, seen.before, err)
	return err
}

// seenAttributes copies the object when a plugin asks for it. Most never do, as they are
// about other kinds: those can't have changed it, and cost nothing.
type seenAttributes struct {
	admission.Attributes
	notes *admissionNotes

	once   sync.Once
	before runtime.Object
}

// GetObject returns the request's object.
func (s *seenAttributes) GetObject() runtime.Object {
	object := s.Attributes.GetObject()
	s.once.Do(func() { s.before = s.notes.before(object) })
	return object
}

// Validate implements admission.ValidationInterface.
func (p tappedPlugin) Validate(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	validator, ok := p.Interface.(admission.ValidationInterface)
	if !ok {
		return nil
	}
	err := validator.Validate(ctx, a, o)
	if notes, ok := ctx.Value(admissionKey{}).(*admissionNotes); ok && err != nil {
		notes.add(admissionNote{plugin: p.name, refused: err.Error()})
	}
	return err
}

// before returns a copy of the object as it is now; of one that the plugin before left as
// it was there is one already.
func (n *admissionNotes) before(object runtime.Object) runtime.Object {
	if object == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.object != object {
		n.object, n.copied = object, object.DeepCopyObject()
	}
	return n.copied
}

// compare notes what the plugin did; before is nil if it never looked at the object.
func (n *admissionNotes) compare(plugin string, a admission.Attributes, before runtime.Object, err error) {
	if err != nil {
		n.add(admissionNote{plugin: plugin, refused: err.Error()})
		return
	}
	after := a.GetObject()
	// The plain comparison takes a tenth of the time, and nearly always says that all is
	// as it was; what it takes for a change may be none.
	if before == nil || after == nil || reflect.DeepEqual(before, after) || equality.Semantic.DeepEqual(before, after) {
		return
	}
	copied := after.DeepCopyObject()
	n.add(admissionNote{plugin: plugin, kind: a.GetKind(), before: before, after: copied})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.object, n.copied = after, copied
}

func (n *admissionNotes) add(note admissionNote) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.notes) == maxAdmissions {
		n.more++
		return
	}
	n.notes = append(n.notes, note)
}

// describeAdmission says what each plugin did, in order.
func describeAdmission(notes []admissionNote) []trace.Admission {
	list := make([]trace.Admission, 0, len(notes))
	for _, note := range notes {
		told := trace.Admission{Plugin: note.plugin, Refused: note.refused}
		if note.refused == "" {
			told.Changes = note.changes()
		}
		list = append(list, told)
	}
	return list
}

func (n admissionNote) changes() []string {
	before, err := versioned(n.before, n.kind)
	if err != nil {
		return []string{err.Error()}
	}
	after, err := versioned(n.after, n.kind)
	if err != nil {
		return []string{err.Error()}
	}
	return stored.Diff(before, after)
}

// versioned is an object as its kind has it in a request: the plugins get the server's own
// types, which have no JSON form.
func versioned(object runtime.Object, kind schema.GroupVersionKind) (*unstructured.Unstructured, error) {
	if u, ok := object.(*unstructured.Unstructured); ok {
		return stored.Redact(u), nil
	}
	converted, err := legacyscheme.Scheme.ConvertToVersion(object, kind.GroupVersion())
	if err != nil {
		return nil, fmt.Errorf("a change that can't be shown: %w", err)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(converted)
	if err != nil {
		return nil, fmt.Errorf("a change that can't be shown: %w", err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(kind)
	return stored.Redact(u), nil
}
