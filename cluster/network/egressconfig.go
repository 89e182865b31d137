package network

import "fmt"

// EgressConfig is the content of the API server's egress selector file that
// sends what it dials in the cluster (kubelets, webhooks, aggregated API
// servers, proxied services and pods) through the socket of ServeConnect.
func EgressConfig(path string) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %q
`, path)
}
