package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// operate makes a ConfigMap for each Greeting of its namespace, until the end.
func operate(ctx context.Context) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(objects, 0, os.Getenv("NAMESPACE"), nil)
	greetings := factory.ForResource(schema.GroupVersionResource{Group: "guest.example.com", Version: "v1", Resource: "greetings"})
	_, err = greetings.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		if g, ok := object.(*unstructured.Unstructured); ok {
			greet(ctx, client, g)
		}
	}})
	if err != nil {
		return fmt.Errorf("watch greetings: %w", err)
	}
	factory.Start(ctx.Done())
	return nil
}

func greet(ctx context.Context, client kubernetes.Interface, g *unstructured.Unstructured) {
	subject, _, _ := unstructured.NestedString(g.Object, "spec", "subject")
	_, err := client.CoreV1().ConfigMaps(g.GetNamespace()).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: g.GetName(), OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(g, g.GroupVersionKind())}},
		Data:       map[string]string{"text": "hello " + subject},
	}, metav1.CreateOptions{})
	// Another replica may have been first.
	if err != nil && !apierrors.IsAlreadyExists(err) {
		fmt.Fprintln(os.Stderr, "greet:", err)
	}
}

// validateGreeting refuses to greet nobody.
func validateGreeting(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID    string                    `json:"uid"`
			Object unstructured.Unstructured `json:"object"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	subject, _, _ := unstructured.NestedString(review.Request.Object.Object, "spec", "subject")
	answer(w, map[string]any{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": map[string]any{
		"uid": review.Request.UID, "allowed": subject != "nobody", "status": map[string]any{"message": "nobody can't be greeted"},
	}})
}

// convert turns Greetings of one version into another: whom v1alpha1 calls name, v1
// calls subject.
func convert(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID     string                      `json:"uid"`
			Desired string                      `json:"desiredAPIVersion"`
			Objects []unstructured.Unstructured `json:"objects"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fields := map[string]string{"guest.example.com/v1alpha1": "name", "guest.example.com/v1": "subject"}
	converted := []any{}
	for _, object := range review.Request.Objects {
		value, found, _ := unstructured.NestedString(object.Object, "spec", fields[object.GetAPIVersion()])
		if found {
			object.Object["spec"] = map[string]any{fields[review.Request.Desired]: value}
		}
		object.SetAPIVersion(review.Request.Desired)
		converted = append(converted, object.Object)
	}
	answer(w, map[string]any{"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "response": map[string]any{
		"uid": review.Request.UID, "convertedObjects": converted, "result": map[string]any{"status": "Success"},
	}})
}
