package controlplane

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// TestNobodyIsRefusedWhileItStarts proves that who may do something may do so from the API server's
// first answer on, at its first start and at a later one.
func TestNobodyIsRefusedWhileItStarts(t *testing.T) {
	p := newPlane(t)
	serveEtcd(t, p)
	if err := p.Seed(bounded(t)); err != nil {
		t.Fatal(err)
	}
	certificate, err := p.config.PKI.Client("system:kube-scheduler")
	if err != nil {
		t.Fatal(err)
	}
	scheduler := kubernetes.NewForConfigOrDie(&rest.Config{
		Host: p.config.Server, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: p.config.PKI.CA.PEM(), CertData: certificate.Cert, KeyData: certificate.Key},
	})
	for range 3 {
		asking, enough := context.WithCancel(bounded(t))
		refused := make(chan int)
		go func() {
			n := 0
			for asking.Err() == nil {
				if _, err := scheduler.CoreV1().Nodes().List(asking, metav1.ListOptions{}); apierrors.IsForbidden(err) {
					n++
				}
			}
			refused <- n
		}()
		if err := p.APIServer.Start(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if err := p.APIServer.Ready(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := scheduler.CoreV1().Nodes().List(bounded(t), metav1.ListOptions{}); err != nil {
			t.Errorf("when it is ready: %v", err)
		}
		enough()
		if n := <-refused; n > 0 {
			t.Errorf("%d requests were refused", n)
		}
		if err := p.APIServer.Stop(bounded(t)); err != nil {
			t.Fatal(err)
		}
	}
}
