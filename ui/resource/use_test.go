package resource

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/gauge"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// heading is the line of the columns' names.
func heading(v *View) string {
	return strings.Join(strings.Fields(strings.Split(ansi.Strip(v.View()), "\n")[1]), " ")
}

// TestUse has the table of pods show what they use, while that is known.
func TestUse(t *testing.T) {
	v := newView(t)
	if strings.Contains(heading(v), "CPU") {
		t.Fatal("there is a column without numbers")
	}
	told := v.told.Rows[0].Cells
	v.ctx.PodUse = map[string]gauge.Use{"shop/a": {CPU: 0.0115, Memory: 9 << 20}, "shop/b": {CPU: 1.5, Memory: 800 << 20}}
	v.Update(gauge.Report{})
	screen := v.View()
	for _, want := range []string{"12m", "9Mi", "1500m", "800Mi"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%s is not to be seen:\n%s", want, screen)
		}
	}
	if h := heading(v); !strings.Contains(h, "STATUS RESTARTS CPU MEMORY AGE") {
		t.Errorf("the columns are %s", h)
	}
	if len(told) != len(v.told.Columns) || len(v.told.Rows[0].Cells) != len(told) {
		t.Error("the feed's own rows are changed")
	}
	if len(v.changed) > 0 {
		t.Error("what is always another number is marked")
	}
	v.sortBy, v.desc = cpuColumn, true
	v.arrange()
	if got := names(v); got != "b a c" {
		t.Errorf("by CPU: %s", got)
	}
	// A change that the server tells is marked where it is.
	v.take(stateOf(t, "2", "a=Failed", "b=Pending", "c=Error"))
	if _, marked := v.changed[cell{"uid-a", 2}]; !marked || len(v.changed) != 1 {
		t.Errorf("marked are %v", v.changed)
	}
	v.ctx.PodUse = nil
	v.Update(gauge.Report{})
	if got := names(v); strings.Contains(heading(v), "CPU") || got != "a b c" {
		t.Errorf("without numbers: %s, in the order %s", heading(v), got)
	}
}

// TestUseOfNodes tells what part of a node it is.
func TestUseOfNodes(t *testing.T) {
	v := newView(t)
	v.kind = Kind{Name: "Node", GroupVersionResource: corev1.SchemeGroupVersion.WithResource("nodes")}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
		corev1.ResourceCPU: apiresource.MustParse("2"), corev1.ResourceMemory: apiresource.MustParse("4Gi"),
	}}}
	v.ctx.Snapshot = watch.New(node)
	v.ctx.NodeUse = map[string]gauge.Use{"a": {CPU: 0.5, Memory: 1 << 30}}
	for i := range v.told.Rows {
		v.told.Rows[i].Namespace = ""
	}
	v.Update(gauge.Report{})
	if screen := v.View(); !strings.Contains(screen, "500m (25%)") || !strings.Contains(screen, "1024Mi (25%)") {
		t.Errorf("it shows\n%s", screen)
	}
}

func TestTones(t *testing.T) {
	for word, want := range map[string]theme.Tone{"ErrImagePull": theme.Bad, "ImagePullBackOff": theme.Bad, "Running": theme.OK, "Pending": theme.Warn, "Init:0/1": theme.Warn} {
		if got := ToneOf("Status", word); got != want {
			t.Errorf("%s has the tone %v, want %v", word, got, want)
		}
	}
}
