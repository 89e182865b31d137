package controlplane

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// TestRequestsSeenInside compares what the tap says of single requests with what their
// client knows: its credentials, the role that it made, the object that it sent and the
// one that it got, the watches that it holds.
func TestRequestsSeenInside(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) {
		c.Trace = trace.NewStore()
		c.AuditLog = c.Logs.Path("audit")
	})
	p.start()
	_, err := p.client.CoreV1().Namespaces().Create(bounded(t), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tapped}}, metav1.CreateOptions{})
	p.must(err)
	p.waitForServiceAccount(tapped)
	t.Run("rule", func(t *testing.T) { checkRule(t, p) })
	t.Run("admission", func(t *testing.T) { checkAdmission(t, p) })
	t.Run("revisions", func(t *testing.T) { checkRevisions(t, p) })
	t.Run("watchers", func(t *testing.T) { checkWatchers(t, p) })
}

// seen waits for the first event that is meant.
func (p *plane) seen(t *testing.T, what string, meant func(trace.Event) bool) trace.Event {
	t.Helper()
	var found trace.Event
	err := p.config.Trace.Follow(bounded(t), 0, func(e trace.Event, _ uint64) error {
		if meant(e) {
			found = e
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatalf("no event of %s: %v", what, err)
	}
	return found
}

func isRequest(verb, resource, name string) func(trace.Event) bool {
	return func(e trace.Event) bool {
		return e.Component == APIServerName && e.Verb == verb && e.Object.Resource == resource && e.Object.Namespace == tapped && e.Object.Name == name
	}
}

// checkRule asks as a service account, whose token and whose role the test has made.
func checkRule(t *testing.T, p *plane) {
	ctx := bounded(t)
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps", "pods"}, Verbs: []string{"get", "watch"}, ResourceNames: []string{"theirs"}},
		// What is created has no name yet when that is allowed.
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}, ResourceNames: []string{"mine"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps", "secrets"}, Verbs: []string{"create"}},
	}
	_, err := p.client.RbacV1().Roles(tapped).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "reader"}, Rules: rules}, metav1.CreateOptions{})
	p.must(err)
	_, err = p.client.RbacV1().RoleBindings(tapped).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "readers"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "default", Namespace: tapped}},
	}, metav1.CreateOptions{})
	p.must(err)
	_, err = p.client.CoreV1().ConfigMaps(tapped).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}}, metav1.CreateOptions{})
	p.must(err)
	token, err := p.client.CoreV1().ServiceAccounts(tapped).CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	p.must(err)
	theirs := kubernetes.NewForConfigOrDie(&rest.Config{
		Host: p.config.Server, BearerToken: token.Status.Token, TLSClientConfig: rest.TLSClientConfig{CAData: p.config.PKI.CA.PEM()},
	})
	for {
		// The authorizer learns of the role by a watch.
		if _, err := theirs.CoreV1().ConfigMaps(tapped).Get(ctx, "theirs", metav1.GetOptions{}); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	account := "system:serviceaccount:" + tapped + ":default"
	e := p.seen(t, "the service account", func(e trace.Event) bool {
		return isRequest("get", "configmaps", "theirs")(e) && e.Actor == account && e.Fields["code"] == "200"
	})
	if got, want := e.Fields["rule"], "may get,watch configmaps,pods in group core named theirs"; got != want {
		t.Errorf("rule %q, want %q", got, want)
	}
	if got, want := e.Fields["authentication"], "service account token "+tokenID(t, token.Status.Token); got != want {
		t.Errorf("authentication %q, want %q", got, want)
	}
	_, err = theirs.CoreV1().ConfigMaps(tapped).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
	p.must(err)
	e = p.seen(t, "what the service account creates", isRequest("create", "configmaps", "mine"))
	if got, want := e.Fields["rule"], "may create configmaps,secrets in group core"; got != want {
		t.Errorf("rule %q, want %q", got, want)
	}
	e = p.seen(t, "the admin", isRequest("create", "configmaps", "theirs"))
	block, _ := pem.Decode(p.adminCert)
	if got, want := e.Fields["authentication"], fmt.Sprintf("client certificate, SHA-256 %x", sha256.Sum256(block.Bytes))[:44]; got != want {
		t.Errorf("authentication %q, want %q", got, want)
	}
	if got, want := e.Fields["allowedBy"], "group system:masters may do all"; got != want {
		t.Errorf("allowed by %q, want %q", got, want)
	}
}

// checkAdmission compares what the plugins changed with what was sent and what was stored.
func checkAdmission(t *testing.T, p *plane) {
	sent := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "admitted"},
		Spec: corev1.PodSpec{NodeSelector: map[string]string{"no": "node"}, Containers: []corev1.Container{{Name: "c", Image: "none"}}},
	}
	stored, err := p.client.CoreV1().Pods(tapped).Create(bounded(t), sent, metav1.CreateOptions{})
	p.must(err)
	e := p.seen(t, "the pod's creation", isRequest("create", "pods", sent.Name))
	list, err := e.Admissions()
	p.must(err)
	was, is := asMap(t, sent), asMap(t, stored)
	var plugins []string
	told := map[string]bool{}
	for _, a := range list {
		plugins = append(plugins, a.Plugin)
		for _, line := range a.Changes {
			path, change, _ := strings.Cut(line, ": ")
			old, now, _ := strings.Cut(change, " -> ")
			told[path] = true
			if before := at(was, path); before != old && before != "(none)" || at(is, path) != now {
				t.Errorf("%s: %s; sent %s, stored %s", a.Plugin, line, before, at(is, path))
			}
		}
	}
	slices.Sort(plugins)
	if got := strings.Join(plugins, ","); got != "DefaultTolerationSeconds,Priority,ServiceAccount" {
		t.Errorf("plugins %s", got)
	}
	for _, path := range []string{".spec.tolerations", ".spec.priority", ".spec.serviceAccountName", ".spec.containers[0].volumeMounts", ".spec.volumes"} {
		if !told[path] {
			t.Errorf("the change of %s is not told: %v", path, list)
		}
	}
	// One that is refused.
	_, err = p.client.CoreV1().Pods(tapped).Create(bounded(t), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "refused"},
		Spec:       corev1.PodSpec{ServiceAccountName: "nobody", Containers: []corev1.Container{{Name: "c", Image: "none"}}},
	}, metav1.CreateOptions{})
	e = p.seen(t, "the refused pod", isRequest("create", "pods", "refused"))
	list, readErr := e.Admissions()
	p.must(readErr)
	if last := list[len(list)-1]; last.Plugin != "ServiceAccount" || err == nil || !strings.Contains(err.Error(), last.Refused) {
		t.Errorf("admission %+v, the client has %v", list, err)
	}
}

// checkRevisions changes an object, and then asks for the same once more, which writes nothing.
func checkRevisions(t *testing.T, p *plane) {
	maps := p.client.CoreV1().ConfigMaps(tapped)
	made, err := maps.Create(bounded(t), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "revised"}}, metav1.CreateOptions{})
	p.must(err)
	var patched [2]*corev1.ConfigMap
	for i := range patched {
		patched[i], err = maps.Patch(bounded(t), made.Name, types.MergePatchType, []byte(`{"data":{"k":"v"}}`), metav1.PatchOptions{FieldManager: fmt.Sprint("patch-", i)})
		p.must(err)
	}
	if patched[0].ResourceVersion == made.ResourceVersion || patched[1].ResourceVersion != patched[0].ResourceVersion {
		t.Fatalf("revisions %s, %s, %s", made.ResourceVersion, patched[0].ResourceVersion, patched[1].ResourceVersion)
	}
	if got := p.seen(t, "the creation", isRequest("create", "configmaps", made.Name)).Fields["revisions"]; got != made.ResourceVersion {
		t.Errorf("the creation wrote %q, want %s", got, made.ResourceVersion)
	}
	for i, want := range []string{patched[0].ResourceVersion, ""} {
		e := p.seen(t, "a patch", func(e trace.Event) bool {
			return isRequest("patch", "configmaps", made.Name)(e) && strings.Contains(e.Fields["path"], fmt.Sprint("patch-", i))
		})
		if got := e.Fields["revisions"]; got != want {
			t.Errorf("patch %d wrote %q, want %q", i, got, want)
		}
	}
}

// checkWatchers holds some watches, and counts what they get.
func checkWatchers(t *testing.T, p *plane) {
	ctx := bounded(t)
	maps := p.client.CoreV1().ConfigMaps(tapped)
	now, err := maps.List(ctx, metav1.ListOptions{})
	p.must(err)
	const n = 3
	var watches [n]<-chan struct{}
	revisions := make(chan string, n)
	for i := range watches {
		w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: now.ResourceVersion})
		p.must(err)
		defer w.Stop()
		got := make(chan struct{})
		watches[i] = got
		go func() {
			defer close(got)
			for e := range w.ResultChan() {
				if c, ok := e.Object.(*corev1.ConfigMap); ok && c.Name == "watched" {
					revisions <- c.ResourceVersion
					return
				}
			}
		}()
	}
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "watched"}}, metav1.CreateOptions{})
	p.must(err)
	for _, got := range watches {
		<-got
	}
	for range watches {
		if got := <-revisions; got != made.ResourceVersion {
			t.Fatalf("a watch got revision %s, not %s", got, made.ResourceVersion)
		}
	}
	// A slow machine may tell of it in parts.
	admin, all := 0, 0
	for admin < n {
		admin, all = 0, 0
		p.must(p.config.Trace.Kept(func(e trace.Event) error {
			if !isRequest("notify", "configmaps", "watched")(e) || e.Fields["revision"] != made.ResourceVersion {
				return nil
			}
			watchers, err := strconv.Atoi(e.Fields["watchers"])
			p.must(err)
			all += watchers
			for _, who := range strings.Split(e.Fields["to"], ", ") {
				name, times, _ := strings.Cut(who, " ")
				if name == "kubernetes-admin" {
					if k, err := strconv.Atoi(strings.TrimSuffix(times, " times")); err == nil {
						admin += k
					} else {
						admin++
					}
				}
			}
			return nil
		}))
		if ctx.Err() != nil {
			break
		}
	}
	if admin != n || all < n {
		t.Errorf("%d watches of the admin's are told of, and %d in all; there are %d", admin, all, n)
	}
}

func tokenID(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		JTI string `json:"jti"`
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.JTI
}

func asMap(t *testing.T, object any) map[string]any {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// at is the leaf at a path, as the tap writes it.
func at(object map[string]any, path string) string {
	var value any = object
	for _, part := range strings.Split(strings.TrimPrefix(path, "."), ".") {
		key, index, listed := strings.Cut(part, "[")
		fields, _ := value.(map[string]any)
		value = fields[key]
		if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); listed && err == nil {
			if list, ok := value.([]any); ok && i < len(list) {
				value = list[i]
			}
		}
	}
	return stored.Short(value)
}
