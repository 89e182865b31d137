package detail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kubarium/ui/document"
	"kubarium/ui/widget"
)

// stage is how far an edit has come.
type stage int

const (
	fetching  stage = iota // asks for the object
	writing                // the user types
	checking               // the server is asked what it would make of it
	reviewing              // the user reads what would change
	saving                 // the server is told
	conflict               // somebody else was quicker
)

// editor changes an object. What is written goes to the server as a dry run first, which
// says what is wrong with it, or what would come of it.
type editor struct {
	stage stage
	area  textarea.Model
	// base is the object as the text was made from it, wanted as it was written.
	base, wanted *unstructured.Unstructured
	text         string // of base
	// problems are what is wrong with what was written when it was checked last.
	problems []problem
	// leave says that esc was pressed once over a changed text.
	leave bool
	diff  widget.Pager
	err   error
	w     int
	// cancel ends the request that is on its way, and asked counts the requests: the answers
	// to others than the last are nobody's.
	cancel context.CancelFunc
	asked  int
	read   *document.Text // what was written, when a field of it was explained last
}

// editMsg is the end of one stage of an edit.
type editMsg struct {
	view   *View
	of     *editor
	asked  int
	stage  stage // the stage that ended
	object *unstructured.Unstructured
	text   string
	err    error
}

// SavedMsg says that an object was changed.
type SavedMsg struct{ Name string }

// EditOnly begins to change the object; the view closes when that is done.
func (v *View) EditOnly() tea.Cmd {
	v.editOnly = true
	return v.edit()
}

// edit begins to change the object.
func (v *View) edit() tea.Cmd {
	area := textarea.New()
	area.Prompt, area.CharLimit, area.MaxHeight = "", 0, 0
	area.ShowLineNumbers = true
	e := &editor{area: area}
	v.editor = e
	v.SetSize(v.w, v.h)
	return v.fetch()
}

func (v *View) fetch() tea.Cmd {
	e, ref := v.editor, v.ref
	e.stage = fetching
	ctx, asked := v.request()
	return func() tea.Msg {
		msg := editMsg{view: v, of: e, asked: asked, stage: fetching}
		if msg.object, msg.err = v.backend.Object(ctx, ref); msg.err == nil {
			msg.text, msg.err = editable(msg.object)
		}
		return msg
	}
}

// request begins a request of the edit: the one before, if it is still on its way, ends.
func (v *View) request() (context.Context, int) {
	e := v.editor
	e.drop()
	ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
	e.cancel = cancel
	return ctx, e.asked
}

// drop ends the request that is on its way: nobody waits for its answer any more.
func (e *editor) drop() {
	if e.cancel != nil {
		e.cancel()
	}
	e.cancel = nil
	e.asked++
}

// Cancel ends the request that an edit waits for, and goes back to the text. It reports whether
// there was one.
func (v *View) Cancel() bool {
	e := v.editor
	if e == nil || e.stage != checking && e.stage != saving {
		return false
	}
	e.drop()
	text := "cancelled: nothing is changed"
	if e.stage == saving {
		text = "cancelled, but the server may have saved it already: ctrl+s shows what is there"
	}
	e.note(text)
	e.stage = writing
	return true
}

// Unsaved reports whether something is written that the server does not have.
func (v *View) Unsaved() bool {
	e := v.editor
	return e != nil && e.stage != fetching && e.area.Value() != e.text
}

// editable is the part of an object that users change, as YAML.
func editable(o *unstructured.Unstructured) (string, error) {
	o = o.DeepCopy()
	unstructured.RemoveNestedField(o.Object, "status")
	text, err := ToYAML(o, false)
	return strings.TrimRight(text, "\n"), err
}

// written is the object that the text says; what was not shown is as it was.
func (e *editor) written() (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(e.area.Value()), &o.Object); err != nil {
		return nil, err
	}
	if o.Object == nil {
		return nil, errors.New("there is nothing: d deletes an object")
	}
	if status, ok := e.base.Object["status"]; ok && o.Object["status"] == nil {
		o.Object["status"] = status
	}
	if o.GetName() != e.base.GetName() || o.GetNamespace() != e.base.GetNamespace() || o.GetKind() != e.base.GetKind() {
		return nil, fmt.Errorf("the kind, the name and the namespace stay: this is %s %s", e.base.GetKind(), e.base.GetName())
	}
	return o, nil
}

// check asks the server what it would make of the text.
func (v *View) check() tea.Cmd {
	e := v.editor
	e.problems, e.leave = nil, false
	if e.area.Value() == e.text {
		e.note("nothing is changed yet")
		return nil
	}
	wanted, err := e.written()
	if err != nil {
		return v.wrong(err)
	}
	e.stage, e.wanted = checking, wanted
	return v.put(checking, true)
}

func (v *View) put(s stage, dry bool) tea.Cmd {
	e, ref, wanted := v.editor, v.ref, v.editor.wanted.DeepCopy()
	ctx, asked := v.request()
	return func() tea.Msg {
		msg := editMsg{view: v, of: e, asked: asked, stage: s}
		if msg.object, msg.err = v.backend.Update(ctx, ref, wanted, dry); msg.err == nil {
			msg.text, msg.err = editable(msg.object)
		}
		if apierrors.IsConflict(msg.err) {
			// What the other one did is to be seen.
			var err error
			if msg.object, err = v.backend.Object(ctx, ref); err == nil {
				msg.text, err = editable(msg.object)
			}
			if err != nil {
				msg.err = err
			}
		}
		return msg
	}
}

// edited takes the end of a stage.
func (v *View) edited(msg editMsg) tea.Cmd {
	e := v.editor
	if e != msg.of || e.asked != msg.asked {
		return nil // it was left or cancelled meanwhile
	}
	e.drop()
	switch {
	case msg.stage == fetching && msg.err != nil:
		e.err = msg.err
		return v.refused(msg.err.Error())
	case msg.stage == fetching:
		e.begin(msg.object, msg.text, msg.text)
		return e.area.Focus()
	case apierrors.IsConflict(msg.err):
		e.stage, e.wanted = conflict, msg.object
		e.diff.Set(difference(v.ctx.Theme, e.text, msg.text))
	case msg.err != nil:
		e.stage = writing
		return v.wrong(msg.err)
	case msg.stage == checking:
		lines := difference(v.ctx.Theme, e.text, msg.text)
		if len(lines) == 0 {
			e.stage = writing
			e.note("the server would store the same as before")
			return nil
		}
		e.stage = reviewing
		e.diff.Set(lines)
		e.diff.Top()
	default:
		done, name := v.stopEditing(), v.ref.String()
		v.yaml.stale = true
		return tea.Batch(func() tea.Msg { return SavedMsg{Name: name} }, v.Sync(), done)
	}
	return nil
}

// begin lets the user write on text, which is to change base.
func (e *editor) begin(base *unstructured.Unstructured, baseText, text string) {
	e.stage, e.base, e.text = writing, base, baseText
	e.fit(strings.Count(text, "\n") + 1)
	e.area.SetValue(text)
	e.area.MoveToBegin()
	if e.area.Value() != text {
		// The text area holds ten thousand lines; what it cut off would be deleted.
		e.stage, e.err = fetching, errors.New("it is too long to be changed here: use kubectl edit")
	}
}

// merge puts what was written on top of what somebody else has done.
func (v *View) merge() tea.Cmd {
	e := v.editor
	theirs, theirText := e.wanted, ""
	merged, err := mergeOnto(e.text, e.area.Value(), theirs)
	if err == nil {
		theirText, err = editable(theirs)
	}
	if err != nil {
		e.stage = writing
		return v.wrong(err)
	}
	e.begin(theirs, theirText, merged)
	e.note("your changes are on top of what is there now: ctrl+s checks them again")
	return e.area.Focus()
}

// mergeOnto makes the changes from before to after to an object.
func mergeOnto(before, after string, o *unstructured.Unstructured) (string, error) {
	current, err := editable(o)
	if err != nil {
		return "", err
	}
	var docs [3][]byte
	for i, text := range []string{before, after, current} {
		if docs[i], err = yaml.YAMLToJSON([]byte(text)); err != nil {
			return "", err
		}
	}
	// What was not changed here is theirs, their version too.
	patch, err := jsonpatch.CreateMergePatch(docs[0], docs[1])
	if err != nil {
		return "", fmt.Errorf("merge changes: %w", err)
	}
	merged, err := jsonpatch.MergePatch(docs[2], patch)
	if err != nil {
		return "", fmt.Errorf("merge changes: %w", err)
	}
	text, err := yaml.JSONToYAML(merged)
	return strings.TrimRight(string(text), "\n"), err
}

// goTo moves the cursor to a line.
func (e *editor) goTo(line int) {
	for e.area.Line() > line {
		e.area.CursorUp()
	}
	for before := -1; e.area.Line() < line && before != e.area.Line()*1000+e.area.LineInfo().RowOffset; {
		before = e.area.Line()*1000 + e.area.LineInfo().RowOffset
		e.area.CursorDown()
	}
	e.area.CursorEnd()
}

func (v *View) stopEditing() tea.Cmd {
	v.editor.drop()
	v.editor = nil
	v.SetSize(v.w, v.h)
	if v.editOnly {
		return func() tea.Msg { return CloseMsg{} }
	}
	return nil
}
