package addons

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/assets"
)

// GatewayAPI is the manifest with the custom resources of the Gateway API: they come
// from its own module.
const GatewayAPI = "gateway-api"

func gatewayAPI() ([]*unstructured.Unstructured, error) {
	data, err := assets.GatewayAPI()
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("parse Gateway API: %w", err)
	}
	objects := make([]*unstructured.Unstructured, 0, len(list))
	for _, object := range list {
		objects = append(objects, &unstructured.Unstructured{Object: object})
	}
	return objects, nil
}
