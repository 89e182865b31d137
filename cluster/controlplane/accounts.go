package controlplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	// accountsPath is where the controllers' ServiceAccounts are.
	accountsPath = "/api/v1/namespaces/" + metav1.NamespaceSystem + "/serviceaccounts"
	// accountsAge is how long those that were listed are taken for those that are there.
	accountsAge = 2 * time.Second
)

// listedAccounts lists the controllers' ServiceAccounts when it is asked for the first of them.
// The controller manager makes a client for each of its controllers before any of them runs, and
// asks for the account of each, one after the other, some 70 times: where others keep the API
// server busy, that is most of its start.
type listedAccounts struct {
	next  http.RoundTripper
	list  sync.Once
	until time.Time
	named map[string][]byte
}

// RoundTrip implements http.RoundTripper. An account that is not listed is asked for: it may have
// been made since.
func (a *listedAccounts) RoundTrip(request *http.Request) (*http.Response, error) {
	name, one := strings.CutPrefix(request.URL.Path, accountsPath+"/")
	if request.Method != http.MethodGet || !one {
		return a.next.RoundTrip(request)
	}
	a.list.Do(func() {
		named, err := a.ask(request)
		if err != nil {
			return // Each is asked for, and that tells what is wrong.
		}
		a.named, a.until = named, time.Now().Add(accountsAge)
	})
	account := a.named[name]
	if account == nil || time.Now().After(a.until) {
		return a.next.RoundTrip(request)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: http.StatusText(http.StatusOK),
		Proto: request.Proto, ProtoMajor: request.ProtoMajor, ProtoMinor: request.ProtoMinor,
		Header: http.Header{"Content-Type": {runtime.ContentTypeJSON}}, Request: request,
		ContentLength: int64(len(account)), Body: io.NopCloser(bytes.NewReader(account)),
	}, nil
}

// WrappedRoundTripper lets client-go find the transport below.
func (a *listedAccounts) WrappedRoundTripper() http.RoundTripper { return a.next }

// ask lists the accounts in place of a request for one of them.
func (a *listedAccounts) ask(one *http.Request) (map[string][]byte, error) {
	all := one.Clone(one.Context())
	all.URL.Path = accountsPath
	all.Header.Set("Accept", runtime.ContentTypeJSON)
	response, err := a.next.RoundTrip(all)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list accounts: %s", response.Status)
	}
	var list corev1.ServiceAccountList
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	named := make(map[string][]byte, len(list.Items))
	for _, account := range list.Items {
		account.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}
		if named[account.Name], err = json.Marshal(account); err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
	}
	return named, nil
}
