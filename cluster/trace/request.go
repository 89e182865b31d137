package trace

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Admission is what one admission plugin did to a request. An event of a request has
// them as JSON in its field "admission", in the order in which the plugins came.
type Admission struct {
	Plugin string `json:"plugin"`
	// Changes are the leaves of the object that the plugin changed: "path: old -> new".
	Changes []string `json:"changes,omitempty"`
	// Refused is why the plugin did not let the request pass.
	Refused string `json:"refused,omitempty"`
}

// String tells it on one line.
func (a Admission) String() string {
	if a.Refused != "" {
		return a.Plugin + " refused: " + a.Refused
	}
	return a.Plugin + " changed " + strings.Join(a.Changes, "; ")
}

// Admissions returns what the admission plugins did to the request of this event.
func (e Event) Admissions() ([]Admission, error) {
	text := e.Fields["admission"]
	if text == "" {
		return nil, nil
	}
	var list []Admission
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("read admission of event %d: %w", e.Seq, err)
	}
	return list, nil
}
