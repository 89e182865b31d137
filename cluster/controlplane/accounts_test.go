package controlplane

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// TestAccountsAreListedOnce proves that accounts are listed for as long as a start takes, that one
// which is made meanwhile is found, and that one which is deleted is not found for ever.
func TestAccountsAreListedOnce(t *testing.T) {
	there := []string{"job-controller", "node-controller"}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		var answer any
		if name, one := strings.CutPrefix(r.URL.Path, accountsPath+"/"); !one {
			list := corev1.ServiceAccountList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccountList"}}
			for _, name := range there {
				list.Items = append(list.Items, corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}})
			}
			answer = list
		} else if slices.Contains(there, name) {
			answer = corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: metav1.ObjectMeta{Name: name}}
		} else {
			w.WriteHeader(http.StatusNotFound)
			answer = apierrors.NewNotFound(corev1.Resource("serviceaccounts"), name).Status()
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	var listed *listedAccounts
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL, WrapTransport: func(next http.RoundTripper) http.RoundTripper {
		listed = &listedAccounts{next: next}
		return listed
	}})
	get := func(name string, requests int) error {
		t.Helper()
		before := asked
		account, err := client.CoreV1().ServiceAccounts(metav1.NamespaceSystem).Get(t.Context(), name, metav1.GetOptions{})
		if asked-before != requests {
			t.Errorf("%s takes %d requests, want %d", name, asked-before, requests)
		}
		if err == nil && account.Name != name {
			t.Errorf("for %s the answer is %s", name, account.Name)
		}
		return err
	}
	if err := get("job-controller", 1); err != nil {
		t.Error(err)
	}
	if err := get("node-controller", 0); err != nil {
		t.Error(err)
	}
	if err := get("cronjob-controller", 1); !apierrors.IsNotFound(err) {
		t.Errorf("an account that is not there: %v", err)
	}
	there = []string{"cronjob-controller"}
	if err := get("cronjob-controller", 1); err != nil {
		t.Errorf("an account that was made meanwhile: %v", err)
	}
	listed.until = time.Now()
	if err := get("job-controller", 1); !apierrors.IsNotFound(err) {
		t.Errorf("an account that was deleted long ago: %v", err)
	}
}
