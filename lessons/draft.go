package lessons

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed draft.md
var draft string

// Draft returns the text of a new lesson, which parses and waits to be filled in.
func Draft(id string) ([]byte, error) {
	if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(id) {
		return nil, fmt.Errorf("%q is no id of a lesson: small letters, digits and dashes", id)
	}
	return []byte(strings.ReplaceAll(draft, "ID", id)), nil
}
