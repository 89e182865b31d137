package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"kubarium/cluster/trace"
	"kubarium/ui/gauge"
	"kubarium/ui/history"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// rewinderStub notes what it was asked to do.
type rewinderStub struct {
	asked   []string
	changes string
	older   []history.Moment
}

// someChanges is what has changed since any moment.
const someChanges = `create configmaps/shop/prices
update deployments/shop/payments
  .spec.replicas: 2 -> 3
  .spec.template.spec.containers[0].image: "kubarium/web:1.0" -> "kubarium/web:2.0"
delete pods/default/web
`

func (r *rewinderStub) do(what string) (string, error) {
	r.asked = append(r.asked, what)
	return "3 objects written", nil
}

func (r *rewinderStub) LastChange() (string, time.Time, bool) {
	return "kubectl delete:\ndelete pods/default/web", moment().Add(-time.Minute), true
}
func (r *rewinderStub) Undo(context.Context) (string, error) { return r.do("undo") }
func (r *rewinderStub) Redo(context.Context) (string, error) { return r.do("redo") }
func (r *rewinderStub) Before(_ context.Context, revision int64) ([]history.Moment, error) {
	if revision != 1 && revision != 0 {
		return nil, fmt.Errorf("asked for what was before %d", revision)
	}
	return r.older, nil
}
func (r *rewinderStub) Since(_ context.Context, revision int64) (string, error) {
	r.asked = append(r.asked, fmt.Sprintf("since %d", revision))
	return r.changes, nil
}
func (r *rewinderStub) To(_ context.Context, revision int64) (string, error) {
	return r.do(fmt.Sprintf("to %d", revision))
}

// withPast is a driver of an app that knows of the revisions 1 to 5, at each of which
// there is one pod, named after it; the first is compacted.
func withPast(t *testing.T, w, h int, change ...func(*Options)) (*driver, *rewinderStub) {
	t.Helper()
	store, rewinder := trace.NewStore(), &rewinderStub{changes: someChanges}
	for i := range 5 {
		store.Add(trace.Event{Component: "etcd", Verb: "update", Time: moment().Add(time.Duration(i-10) * time.Second), Fields: map[string]string{
			"key": "/registry/pods/default/web", "revision": fmt.Sprint(i + 1),
		}})
	}
	d := up(t, w, h, append(change, func(o *Options) { o.Trace, o.Rewind = store, rewinder })...)
	client := fake.NewClientset(uitest.Objects(moment())...)
	client.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		options := action.(clienttesting.ListActionImpl).GetListOptions()
		if options.ResourceVersionMatch != metav1.ResourceVersionMatchExact {
			t.Errorf("asks for %+v", options)
		}
		if options.ResourceVersion == "1" {
			return true, nil, apierrors.NewResourceExpired("compacted")
		}
		if action.GetResource().Resource != "pods" {
			return false, nil, nil
		}
		// A pod that tells of which revision it is, among those that there are now.
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "then-" + options.ResourceVersion, Namespace: "default", CreationTimestamp: metav1.NewTime(moment().Add(-time.Minute))}}
		list := &corev1.PodList{Items: []corev1.Pod{pod}}
		for _, o := range uitest.Objects(moment()) {
			if p, ok := o.(*corev1.Pod); ok {
				list.Items = append(list.Items, *p)
			}
		}
		return true, list, nil
	})
	d.app.client = client
	return d, rewinder
}

func TestThePastIsShown(t *testing.T) {
	d, _ := withPast(t, 200, 60)
	uses := map[string]gauge.Use{"default/then-4": {CPU: 0.123}}
	report := gauge.Report{Pods: uses, Rates: map[string]float64{"kube-apiserver": 25}}
	d.send(report)
	d.sees("CPU", "25 requests/s")
	d.press("<")
	// Nobody knows what pods used then.
	d.seesNot("CPU", "123m", "25 requests/s")
	d.send(report)
	d.seesNot("CPU", "123m", "25 requests/s")
	d.sees("as it was at", "then-4", "(4 of 5)", "< back", "after: update pods/default/web")
	d.seesNot(": kubectl")
	d.press("<", "<")
	d.sees("then-2", "(2 of 5)")
	d.press("<")
	d.sees("then-2", "the history of that time is gone")
	d.press(">")
	d.sees("then-3")
	// What would act on the present does not.
	d.press("3", "d")
	d.sees("this is the past")
	if len(d.fake.deleted) > 0 || len(d.app.dialogs) > 0 {
		t.Error("the past can be deleted")
	}
	// Meanwhile the present goes on, and is seen again.
	d.send(watch.SnapshotMsg{Snapshot: watch.New(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "newest", Namespace: "default"}})})
	d.sees("then-3")
	d.press("esc")
	d.sees("newest", "CPU")
	d.seesNot("as it was at", "then-3")
	d.press("<", ">")
	d.sees("newest")
}

// TestThePastIsOlderThanTheStart: what the taps of this start did not see, etcd still knows.
func TestThePastIsOlderThanTheStart(t *testing.T) {
	d, rewinder := withPast(t, 160, 40, func(o *Options) { o.Trace = nil })
	d.app.opts.Trace = trace.NewStore()
	rewinder.older = []history.Moment{
		{Revision: 2, Time: moment().Add(-2 * time.Hour), What: "create pods/default/old"},
		{Revision: 3, Time: moment().Add(-time.Hour), What: "delete pods/default/old"},
	}
	d.press("<")
	d.sees("then-2", "120m ago (1 of 2)", "after: create pods/default/old")
}

// TestDeletingTellsOfUndo: who is asked whether to delete learns what can be taken back.
func TestDeletingTellsOfUndo(t *testing.T) {
	d, _ := withPast(t, 120, 40, plain)
	d.press("3", "d")
	d.sees("u takes it back for some minutes")
	d.seesNot("for good")
	d = up(t, 120, 40)
	d.press("3", "d")
	d.sees("is deleted for good", "Else nothing brings it back")
}

func TestThePastTellsWhatChangedSince(t *testing.T) {
	d, rewinder := withPast(t, 160, 40)
	d.press("<", "<", "D")
	d.sees("What changed from", "(revision 3) to now", "create configmaps/shop/prices", ".spec.replicas: 2 -> 3", "delete pods/default/web")
	d.press("esc")
	d.seesNot("What changed from")
	d.sees("then-3", "as it was at", "D changes")
	rewinder.changes = ""
	d.press("D")
	d.sees("but for events and leases")
	d.press("esc", "?")
	d.sees("The past", "tell what has changed from this moment to now")
	if got := strings.Join(rewinder.asked, ", "); got != "since 3, since 3" {
		t.Errorf("asked %s", got)
	}
}

func TestBringingBackAsksFirst(t *testing.T) {
	d, rewinder := withPast(t, 160, 40)
	d.press("<", "<", "B")
	d.sees("Bring the cluster back to this moment?", "update pods/default/web")
	d.press("esc", "esc", "u")
	d.sees("Take this back?", "kubectl delete")
	d.press("n")
	if len(rewinder.asked) > 0 {
		t.Fatalf("did %v although the answer was no", rewinder.asked)
	}
	d.press("<", "<", "B", "y")
	d.seesNot("as it was at")
	d.sees("3 objects written")
	d.press("u", "y")
	if got := strings.Join(rewinder.asked, ", "); got != "to 3, undo" {
		t.Errorf("did %s", got)
	}
}

// slowRewinder goes back until nobody wants that any more.
type slowRewinder struct{ rewinderStub }

func (r *slowRewinder) Undo(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// TestUndoIsCancelled: going back takes long; it is seen, and can be ended.
func TestUndoIsCancelled(t *testing.T) {
	d := up(t, 160, 40, func(o *Options) { o.Rewind = &slowRewinder{} })
	d.press("u")
	_, cmd := d.app.Update(keyPress("y"))
	d.sees("taking it back", "ctrl+c cancels")
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	d.press("ctrl+c")
	select {
	case msg := <-got:
		d.take(msg)
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	d.sees("Cancelled", "Some objects may have been written")
	d.seesNot("ctrl+c cancels")
	if d.quit {
		t.Error("ctrl+c left the app")
	}
}

func TestAClusterWithoutAPastSaysSo(t *testing.T) {
	d := up(t, 160, 40)
	d.press("<")
	d.sees("only a cluster of kubarium's own keeps its moments")
	d.press("u")
	d.sees("this cluster cannot be brought back")
}
