package controlplane

import (
	"strings"
	"testing"
	"time"
)

// TestFlagsFollowTheBenchmark checks the flags of the control plane against the CIS
// Kubernetes benchmark, sections 1.2 to 1.4. docs/SECURITY.md lists what differs.
func TestFlagsFollowTheBenchmark(t *testing.T) {
	p := newPlane(t)
	flags, err := p.APIServer.flags()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.APIServer.options()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.SecureServing.Listener.Close() })
	api := byName(flags)
	manager := byName(p.ControllerManager.flags("kubeconfig", "certificate"))
	scheduler := byName(p.Scheduler.flags("kubeconfig", "certificate"))
	for check, holds := range map[string]bool{
		"1.2.1 anonymous requests reach health checks only": strings.Contains(authenticationConfig, "conditions:") && !strings.Contains(authenticationConfig, "/api"),
		"1.2.2 no token file":                               api["token-auth-file"] == "",
		"1.2.4 kubelets are asked with a certificate":       api["kubelet-client-certificate"] != "" && api["kubelet-client-key"] != "",
		"1.2.5 kubelets are known by the CA":                api["kubelet-certificate-authority"] != "",
		"1.2.6 not everything is allowed":                   !strings.Contains(api["authorization-mode"], "AlwaysAllow"),
		"1.2.7 nodes are authorized as nodes":               strings.Contains(api["authorization-mode"], "Node"),
		"1.2.8 roles decide":                                strings.Contains(api["authorization-mode"], "RBAC"),
		"1.2.10 not everything is admitted":                 !strings.Contains(api["enable-admission-plugins"], "AlwaysAdmit"),
		"1.2.12 service accounts are admitted":              !strings.Contains(api["disable-admission-plugins"], "ServiceAccount"),
		"1.2.13 namespaces live":                            !strings.Contains(api["disable-admission-plugins"], "NamespaceLifecycle"),
		"1.2.14 nodes are restricted":                       strings.Contains(api["enable-admission-plugins"], "NodeRestriction"),
		"1.2.15 no profiling":                               api["profiling"] == "false",
		"1.2.20 requests end":                               s.GenericServerRunOptions.RequestTimeout > 0 && s.GenericServerRunOptions.RequestTimeout <= time.Minute,
		"1.2.21 service account tokens are looked up":       s.Authentication.ServiceAccounts.Lookup,
		"1.2.22 tokens have a key of their own":             api["service-account-key-file"] != "",
		"1.2.24 it serves with a certificate":               api["tls-cert-file"] != "" && api["tls-private-key-file"] != "",
		"1.2.25 clients are known by the CA":                api["client-ca-file"] != "",
		"1.2.26 etcd has no port":                           strings.HasPrefix(api["etcd-servers"], "unix://"),
		"1.3.2 no profiling":                                manager["profiling"] == "false",
		"1.3.3 controllers have accounts":                   manager["use-service-account-credentials"] == "true",
		"1.3.4 tokens are signed with a key":                manager["service-account-private-key-file"] != "",
		"1.3.5 pods learn the CA":                           manager["root-ca-file"] != "",
		"1.3.6 kubelets' certificates are rotated":          !strings.Contains(manager["feature-gates"], "RotateKubeletServerCertificate=false"),
		"1.3.7 controllers listen on loopback":              manager["bind-address"] == "127.0.0.1",
		"1.4.1 no profiling":                                scheduler["profiling"] == "false",
		"1.4.2 the scheduler listens on loopback":           scheduler["bind-address"] == "127.0.0.1",
	} {
		if !holds {
			t.Errorf("CIS %s: does not hold", check)
		}
	}
}

// byName has the values of flags of the form --name=value.
func byName(flags []string) map[string]string {
	values := make(map[string]string, len(flags))
	for _, f := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		values[name] = value
	}
	return values
}
