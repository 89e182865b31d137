package detail

import (
	"strings"

	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

// Shown is the tab that is seen.
func (v *View) Shown() pane.Tab { return v.tab }

// Picked implements pane.Choosing.
func (v *View) Picked() (watch.Ref, bool) { return v.ref, v.component == "" }

// Manifest is the YAML that is shown.
func (v *View) Manifest() string { return v.yaml.doc.Raw() }

// Named is what is copied of the tab that is seen: of a log its lowest line in view, else
// the object's name.
func (v *View) Named() string {
	switch {
	case v.tab == pane.Logs:
		return strings.TrimRight(v.logs.pager.Bottom(isLogged), " ")
	case v.component != "":
		return v.component
	}
	return v.ref.Name
}

// isLogged tells lines of the log from those that are said about it.
func isLogged(line string) bool { return !strings.HasPrefix(line, "-- ") && line != "" }
