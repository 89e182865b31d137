// Command guest is what the end-to-end tests run inside the cluster as somebody's own
// software: webhooks and an aggregated API, served with TLS, and an operator.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// group is the API that the guest serves.
const group = "guest.example.com/v1"

func main() {
	http.HandleFunc("POST /validate", validate)
	http.HandleFunc("POST /validate-greeting", validateGreeting)
	http.HandleFunc("POST /convert", convert)
	http.HandleFunc("GET /apis/"+group, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": []any{}})
	})
	http.HandleFunc("GET /apis/"+group+"/greeting", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"greeting": "hello " + r.Header.Get("X-Remote-User")})
	})
	if len(os.Args) > 1 && os.Args[1] == "operator" {
		if err := operate(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "guest:", err)
			os.Exit(1)
		}
	}
	fmt.Println("guest listens on :8443")
	server := &http.Server{Addr: ":8443", ReadHeaderTimeout: 10 * time.Second}
	if err := server.ListenAndServeTLS("/tls/tls.crt", "/tls/tls.key"); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

// validate refuses every object that has the label "forbidden".
func validate(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID    string `json:"uid"`
			Object struct {
				Metadata struct {
					Labels map[string]string `json:"labels"`
				} `json:"metadata"`
			} `json:"object"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, forbidden := review.Request.Object.Metadata.Labels["forbidden"]
	answer(w, map[string]any{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": map[string]any{
		"uid": review.Request.UID, "allowed": !forbidden, "status": map[string]any{"message": "the guest forbids it"},
	}})
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
