package network

import "fmt"

// EgressConfig is the content of the API server's egress selector file that
// sends what others have it dial through the socket of ServeConnect: in the
// cluster (kubelets, webhooks, aggregated API servers, proxied services and
// pods), and by URL, as webhooks can be given; upstream counts these to the
// control plane. The API server itself would dial them in the host's network,
// loopback included, for whoever may make a webhook.
func EgressConfig(path string) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %[1]q
- name: controlplane
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %[1]q
`, path)
}
