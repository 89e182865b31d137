package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig returns a kubeconfig by which user reaches the API server at
// server ("https://127.0.0.1:6443") of the cluster called name.
func Kubeconfig(name, user, server string, ca []byte, pair KeyPair) ([]byte, error) {
	return kubeconfig(name, user, server, ca, &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key})
}

// FileKubeconfig is a Kubeconfig that names the file with certificate and key, so that
// its reader notices when that is a new one.
func FileKubeconfig(name, user, server string, ca []byte, file string) ([]byte, error) {
	return kubeconfig(name, user, server, ca, &clientcmdapi.AuthInfo{ClientCertificate: file, ClientKey: file})
}

func kubeconfig(name, user, server string, ca []byte, auth *clientcmdapi.AuthInfo) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[user] = auth
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	data, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encode kubeconfig of %s: %w", user, err)
	}
	return data, nil
}
