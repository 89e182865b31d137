package addons

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the add-ons that a cluster can be started without.
const (
	LoadBalancer  = "loadbalancer"
	NetworkPolicy = "networkpolicy"
	Metrics       = "metrics"
	Storage       = "storage"
	Ingress       = "ingress"
)

// Names lists the add-ons that can be left out. Cluster DNS is none of them: without
// it, nothing is found by its name.
func Names() []string { return []string{LoadBalancer, NetworkPolicy, Metrics, Storage, Ingress} }

// CheckNames refuses what is no add-on's name.
func CheckNames(names []string) error {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("there is no add-on %q to disable; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	return nil
}
