// Command gateway packs the custom resources of the Gateway API, as its module has them,
// for embedding.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// kinds are those that the bundled controller serves, and watches from its start on.
var kinds = []string{"backendtlspolicies", "gatewayclasses", "gateways", "grpcroutes", "httproutes", "referencegrants", "tlsroutes"}

func main() {
	in := flag.String("in", "", "directory of the custom resource definitions")
	out := flag.String("out", "", "file to write")
	flag.Parse()
	if err := pack(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "pack Gateway API:", err)
		os.Exit(1)
	}
}

func pack(in, out string) error {
	var list []map[string]any
	for _, kind := range kinds {
		data, err := os.ReadFile(filepath.Join(in, "gateway.networking.k8s.io_"+kind+".yaml"))
		if err != nil {
			return err
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(data, &definition); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if err := slim(&definition); err != nil {
			return err
		}
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&definition)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		// That is the API server's to say.
		delete(object, "status")
		list = append(list, object)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	return os.WriteFile(out, encoder.EncodeAll(data, nil), 0o644)
}

// slim leaves out versions that are on their way out: the API server keeps some 20 MiB
// for them. The controller wants one of them.
func slim(definition *apiextensionsv1.CustomResourceDefinition) error {
	if definition.Name != "referencegrants.gateway.networking.k8s.io" {
		definition.Spec.Versions = slices.DeleteFunc(definition.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
			return v.Name != "v1"
		})
	}
	if !slices.ContainsFunc(definition.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Storage }) {
		return fmt.Errorf("%s: v1 is not the version that is stored", definition.Name)
	}
	return nil
}
