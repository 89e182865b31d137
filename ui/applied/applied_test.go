package applied

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

const annotatedObject = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {tier: web}
  annotations:
    deployment.kubernetes.io/revision: "2"
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{},"name":"web","namespace":"shop"},"spec":{"replicas":3,"paused":false,"template":{"spec":{"containers":[{"name":"web","image":"web:1.0"},{"name":"gone","image":"gone:1.0"}]}}}}
  managedFields:
  - manager: kubectl-client-side-apply
    operation: Update
    time: "2026-11-20T22:00:00Z"
    fieldsV1: {"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:name":{}}}}}}}
  - manager: kubectl-label
    operation: Update
    time: "2026-11-20T22:10:00Z"
    fieldsV1: {"f:metadata":{"f:labels":{"f:tier":{}}}}
  - manager: kubectl
    operation: Update
    subresource: scale
    time: "2026-11-20T22:30:00Z"
    fieldsV1: {"f:spec":{"f:replicas":{}}}
  - manager: kubectl-set
    operation: Update
    fieldsV1: {"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:image":{}}}}}}}
  - manager: kube-controller-manager
    operation: Update
    subresource: status
    fieldsV1: {"f:status":{"f:replicas":{}}}
spec:
  replicas: 5
  revisionHistoryLimit: 10
  template:
    spec:
      containers:
      - name: sidecar
        image: proxy:1
      - name: web
        image: web:2.0
        imagePullPolicy: IfNotPresent
status:
  replicas: 5
`

func TestWhatDiffersFromWhatWasApplied(t *testing.T) {
	r, err := Of(read(t, annotatedObject))
	if err != nil {
		t.Fatal(err)
	}
	if r.By != "kubectl apply" || r.At.Hour() != 22 {
		t.Errorf("by %q at %v", r.By, r.At)
	}
	for _, want := range []string{"replicas: 3", "web:1.0", "gone:1.0"} {
		if !strings.Contains(r.Was, want) || strings.Contains(r.Is, want) {
			t.Errorf("%q is not what only was:\n%s\n%s", want, r.Was, r.Is)
		}
	}
	for _, want := range []string{"replicas: 5", "web:2.0", "proxy:1"} {
		if strings.Contains(r.Was, want) || !strings.Contains(r.Is, want) {
			t.Errorf("%q is not what only is:\n%s\n%s", want, r.Was, r.Is)
		}
	}
	for _, no := range []string{"revisionHistoryLimit", "imagePullPolicy", "status"} {
		if strings.Contains(r.Is, no) {
			t.Errorf("%q was not applied:\n%s", no, r.Is)
		}
	}
	if len(r.Others) != 3 || r.Others[0].Subresource != "scale" || r.Others[0].Fields[0] != "spec.replicas: 5" ||
		r.Others[1].Fields[0] != `metadata.labels.tier: "web"` || r.Others[2].Fields[0] != `spec.template.spec.containers[name="web"].image: "web:2.0"` {
		t.Errorf("others: %+v", r.Others)
	}
}

func TestAppliedOnTheServer(t *testing.T) {
	r, err := Of(read(t, `
metadata:
  name: web
  managedFields:
  - manager: argocd
    operation: Apply
    time: "2026-11-20T22:00:00Z"
    fieldsV1: {"f:spec":{"f:paused":{},"f:gone":{}}}
  - manager: kube-controller-manager
    operation: Update
    subresource: scale
    fieldsV1: {"f:spec":{"f:replicas":{}}}
spec: {paused: true, replicas: 4}
`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.By, "argocd") || r.Was != r.Is || r.Is != "spec:\n  paused: true\n" {
		t.Errorf("%+v", r)
	}
	if len(r.Others) != 1 || r.Others[0].Fields[0] != "spec.replicas: 4" {
		t.Errorf("others: %+v", r.Others)
	}
	if r, err = Of(read(t, "metadata: {name: web}")); err != nil || r.By != "" || len(r.Others) != 0 {
		t.Errorf("nothing was applied: %+v %v", r, err)
	}
}
