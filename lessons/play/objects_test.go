package play

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"kubarium/lessons"
)

// TestApplyingToABusyServer proves that a lesson's objects are applied once more when the API server had no time, and
// that what it refuses is not.
func TestApplyingToABusyServer(t *testing.T) {
	res, err := lessons.FindResource("pods")
	must(t, err)
	refused := apierrors.NewBadRequest("no such field")
	for _, c := range []struct {
		answers []error
		want    error
	}{
		{[]error{apierrors.NewInternalError(errors.New("etcdserver: request timed out")), apierrors.NewTooManyRequestsError("later"), nil}, nil},
		{[]error{apierrors.NewTimeoutError("etcd", 0), refused}, refused},
		{[]error{apierrors.NewInternalError(errors.New("a webhook")), nil}, apierrors.NewInternalError(errors.New("a webhook"))},
	} {
		cluster := newFakeCluster(t)
		asked := 0
		cluster.client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
			asked++
			return true, pod("web", "x"), c.answers[asked-1]
		})
		player := &Player{client: cluster.client}
		_, err := player.applied(t.Context(), res, pod("web", "x"))
		if (err == nil) != (c.want == nil) || err != nil && err.Error() != c.want.Error() {
			t.Errorf("after %d tries: %v, want %v", asked, err, c.want)
		}
	}
}
