package netpol

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// FuzzParseResult looks for files of the network plugin that crash their reader.
func FuzzParseResult(f *testing.F) {
	f.Add([]byte(`{"cniArgs":[["K8S_POD_NAMESPACE","a"],["K8S_POD_NAME","b"]],"result":{"ips":[{"address":"10.0.0.1/24"}]}}`))
	f.Add([]byte(`{"cniArgs":[[]],"result":{"ips":[{"address":"10.0.0.1/24"}]}}`))
	f.Add([]byte(`{"result":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if found, ok := parseResult(data); ok && (found.name == "" || !found.ip.IsValid()) {
			t.Errorf("taken without a pod or an address: %+v", found)
		}
	})
}

// FuzzParseBlock looks for blocks of addresses that nftables could not take.
func FuzzParseBlock(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.0.0/16")
	f.Add("::/0", "::1/128")
	f.Add("0.0.0.0/0", "not an address")
	f.Fuzz(func(t *testing.T, cidr, except string) {
		found, ok := parseBlock(&networkingv1.IPBlock{CIDR: cidr, Except: []string{except}})
		if !ok {
			return
		}
		for _, p := range append(found.except, found.cidr) {
			if !p.IsValid() || !p.Addr().Is4() || p != p.Masked() {
				t.Errorf("a rule would get %v of %q without %q", p, cidr, except)
			}
		}
	})
}
