package e2e

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestEditConflict has somebody else change a ConfigMap while it is edited in the app: once while the user writes,
// and once between the server's answer and the last key. Each time the app tells what they did, and puts the user's
// change on top, so that in the end all of it is there.
func TestEditConflict(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	prices := shared.client.CoreV1().ConfigMaps(ns)
	first := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "prices"}, Data: map[string]string{"apple": "1"}}
	if _, err := prices.Create(bounded(t), first, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	others := func(change string) {
		t.Helper()
		if _, err := prices.Patch(bounded(t), "prices", types.MergePatchType, []byte(change), metav1.PatchOptions{FieldManager: "somebody-else"}); err != nil {
			t.Fatal(err)
		}
	}

	s := openScreen(t, 120, 40, nil, "--kubeconfig", shared.path("kubeconfig"), "--no-motion")
	s.sees("node-1", "help")
	s.run("cm " + ns)
	s.sees("configmaps  in "+ns, "prices")
	s.keys("/", "prices", "enter")
	s.sees("filter /prices", "▸ prices")
	s.keys("e")
	s.sees("ctrl+s check", `apple: "1"`)

	t.Log("somebody adds a price while the user writes another one")
	others(`{"data":{"pear":"2"}}`)
	s.line(`apple: "1"`)
	s.keys("\x7f\x7f", `9"`)
	s.sees(`apple: "9"`)
	s.keys("\x13")
	s.sees("Somebody changed it while you wrote", `+  pear: "2"`, "enter put mine on top", "t take theirs")
	s.keys("enter")
	s.sees("your changes are on top of what is there now", `apple: "9"`, `pear: "2"`)
	s.keys("\x13")
	s.sees("The server accepts it", `-  apple: "1"`, `+  apple: "9"`, "enter save")

	t.Log("and another one after the server has accepted it")
	others(`{"data":{"plum":"3"}}`)
	s.keys("enter")
	s.sees("Somebody changed it while you wrote", `+  plum: "3"`)
	s.keys("enter")
	s.sees("your changes are on top of what is there now", `plum: "3"`)
	s.keys("\x13")
	s.sees("The server accepts it", `+  apple: "9"`)
	s.keys("enter")
	s.sees("configmap/prices changed")
	after, err := prices.Get(bounded(t), "prices", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"apple": "9", "pear": "2", "plum": "3"}; !maps.Equal(after.Data, want) {
		t.Errorf("the prices are %v, and should be %v", after.Data, want)
	}

	t.Log("who takes theirs writes nothing")
	s.keys("e")
	s.sees("ctrl+s check", `apple: "9"`)
	others(`{"data":{"apple":"5"}}`)
	s.line(`apple: "9"`)
	s.keys("\x7f\x7f", `7"`)
	s.sees(`apple: "7"`)
	s.keys("\x13")
	s.sees("Somebody changed it while you wrote", `+  apple: "5"`)
	s.keys("t")
	s.sees("ctrl+s check", `apple: "5"`)
	s.loses(`apple: "7"`)
	s.keys("\x13")
	s.sees("nothing is changed yet")
	if after, err = prices.Get(bounded(t), "prices", metav1.GetOptions{}); err != nil || after.Data["apple"] != "5" {
		t.Errorf("the prices are %v, %v", after.Data, err)
	}
}
