// Package encryption says how the API server keeps Secrets in etcd, and has it write
// them again when that changes.
//
// What was written before stays readable: a configuration names both ways, the one to
// write with first. Of a key's older revisions etcd keeps what they were until the next
// compaction, some minutes later.
package encryption

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/yaml"
)

// keySize is what XSalsa20 and Poly1305, the cipher of "secretbox", need.
const keySize = 32

// Enabled reports whether the configuration at path, if there is one, has Secrets
// encrypted.
func Enabled(path string) (bool, error) {
	providers, err := read(path)
	if err != nil {
		return false, err
	}
	return len(providers) > 0 && providers[0].Secretbox != nil, nil
}

// Configure returns a configuration by which Secrets are encrypted from now on, or are
// not, and all that the one at path could read stays readable. A key is made when there
// is none yet.
func Configure(path string, enabled bool) ([]byte, error) {
	providers, err := read(path)
	if err != nil {
		return nil, err
	}
	var box *apiserverv1.SecretboxConfiguration
	for _, p := range providers {
		if p.Secretbox != nil {
			box = p.Secretbox
		}
	}
	if box == nil {
		key := make([]byte, keySize)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("draw key: %w", err)
		}
		box = &apiserverv1.SecretboxConfiguration{Keys: []apiserverv1.Key{{Name: "key1", Secret: base64.StdEncoding.EncodeToString(key)}}}
	}
	providers = []apiserverv1.ProviderConfiguration{{Secretbox: box}, {Identity: &apiserverv1.IdentityConfiguration{}}}
	if !enabled {
		providers[0], providers[1] = providers[1], providers[0]
	}
	data, err := yaml.Marshal(apiserverv1.EncryptionConfiguration{
		TypeMeta:  metav1.TypeMeta{APIVersion: apiserverv1.SchemeGroupVersion.String(), Kind: "EncryptionConfiguration"},
		Resources: []apiserverv1.ResourceConfiguration{{Resources: []string{"secrets"}, Providers: providers}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode encryption configuration: %w", err)
	}
	return data, nil
}

func read(path string) ([]apiserverv1.ProviderConfiguration, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read encryption configuration: %w", err)
	}
	var c apiserverv1.EncryptionConfiguration
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		return nil, fmt.Errorf("parse encryption configuration %s: %w", path, err)
	}
	if len(c.Resources) == 0 {
		return nil, nil
	}
	return c.Resources[0].Providers, nil
}

// Rewrite has the API server write every Secret anew, and returns how many it wrote.
func Rewrite(ctx context.Context, client kubernetes.Interface) (int, error) {
	n := 0
	list := pager.New(pager.SimplePageFunc(func(options metav1.ListOptions) (runtime.Object, error) {
		return client.CoreV1().Secrets("").List(ctx, options)
	}))
	err := list.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		secret, ok := object.(*corev1.Secret)
		if !ok {
			return fmt.Errorf("list has a %T", object)
		}
		_, err := client.CoreV1().Secrets(secret.Namespace).Update(ctx, secret, metav1.UpdateOptions{})
		// One that somebody else changed meanwhile, they have written anew.
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("write Secret %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		n++
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("write all Secrets anew: %w", err)
	}
	return n, nil
}
