package resource

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// Query is which objects of a kind are shown.
type Query struct {
	// Namespace is empty for all.
	Namespace string
	// Labels and Fields are selectors, for the server to choose by.
	Labels, Fields string
}

// ParseQuery reads what follows a kind's name: a namespace or flags of kubectl get.
// It starts from the namespace that is shown.
func ParseQuery(args []string, namespace string) (Query, error) {
	q := Query{}
	all := false
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVarP(&q.Namespace, "namespace", "n", namespace, "")
	flags.BoolVarP(&all, "all-namespaces", "A", false, "")
	flags.StringVarP(&q.Labels, "selector", "l", "", "")
	flags.StringVar(&q.Fields, "field-selector", "", "")
	if err := flags.Parse(args); err != nil {
		return q, fmt.Errorf("%w; there are -n, -A, -l and --field-selector", err)
	}
	switch flags.NArg() {
	case 0:
	case 1:
		q.Namespace = flags.Arg(0)
	default:
		return q, errors.New("one namespace is enough")
	}
	if all || q.Namespace == "all" {
		q.Namespace = ""
	}
	if _, err := labels.Parse(q.Labels); err != nil {
		return q, fmt.Errorf("label selector: %w", err)
	}
	if _, err := fields.ParseSelector(q.Fields); err != nil {
		return q, fmt.Errorf("field selector: %w", err)
	}
	return q, nil
}

// String is the selectors, as they are shown.
func (q Query) String() string {
	var parts []string
	if q.Labels != "" {
		parts = append(parts, "-l "+q.Labels)
	}
	if q.Fields != "" {
		parts = append(parts, "--field-selector "+q.Fields)
	}
	return strings.Join(parts, " ")
}
