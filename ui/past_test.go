package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"kubarium/cluster/trace"
	"kubarium/ui/watch"
)

// rewinderStub notes what it was asked to do.
type rewinderStub struct{ asked []string }

func (r *rewinderStub) do(what string) (string, error) {
	r.asked = append(r.asked, what)
	return "3 objects written", nil
}

func (r *rewinderStub) LastChange() (string, time.Time, bool) {
	return "kubectl delete:\ndelete pods/default/web", moment().Add(-time.Minute), true
}
func (r *rewinderStub) Undo(context.Context) (string, error) { return r.do("undo") }
func (r *rewinderStub) Redo(context.Context) (string, error) { return r.do("redo") }
func (r *rewinderStub) To(_ context.Context, revision int64) (string, error) {
	return r.do(fmt.Sprintf("to %d", revision))
}

// withPast is a driver of an app that knows of the revisions 1 to 5, at each of which
// there is one pod, named after it; the first is compacted.
func withPast(t *testing.T) (*driver, *rewinderStub) {
	t.Helper()
	store, rewinder := trace.NewStore(), &rewinderStub{}
	for i := range 5 {
		store.Add(trace.Event{Component: "etcd", Verb: "update", Time: moment().Add(time.Duration(i-10) * time.Second), Fields: map[string]string{
			"key": "/registry/pods/default/web", "revision": fmt.Sprint(i + 1),
		}})
	}
	d := up(t, 160, 40, func(o *Options) { o.Trace, o.Rewind = store, rewinder })
	client := fake.NewClientset()
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
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "then-" + options.ResourceVersion, Namespace: "default"}}
		return true, &corev1.PodList{Items: []corev1.Pod{pod}}, nil
	})
	d.app.client = client
	return d, rewinder
}

func TestThePastIsShown(t *testing.T) {
	d, _ := withPast(t)
	d.press("<")
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
	d.sees("newest")
	d.seesNot("as it was at", "then-3")
	d.press("<", ">")
	d.sees("newest")
}

func TestBringingBackAsksFirst(t *testing.T) {
	d, rewinder := withPast(t)
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

func TestAClusterWithoutAPastSaysSo(t *testing.T) {
	d := up(t, 160, 40)
	d.press("<")
	d.sees("only a cluster of kubarium's own keeps its moments")
	d.press("u")
	d.sees("this cluster cannot be brought back")
}
