package settings

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"kubarium/ui/keys"
)

// Print writes settings as a file that says the same, with all actions and their keys
// as comments. from says where the settings came from.
func Print(w io.Writer, from string, s Settings, groups []keys.Group) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", from)
	fmt.Fprintf(&b, "theme: %s\nascii: %t\nnoMotion: %t\nplain: %t\n\n", s.Theme, s.ASCII, s.NoMotion, s.Plain)
	b.WriteString("# Actions and their keys. Take the # from a line, and change its keys.\nkeys:\n")
	printed := map[string]bool{}
	for _, g := range groups {
		head := false
		for _, k := range g.Set {
			name := k.Name()
			if k.Action == keys.Fixed || printed[name] {
				continue
			}
			if !head {
				head = true
				fmt.Fprintf(&b, "  # %s\n", g.Title)
			}
			printed[name] = true
			mark, list := "# ", k.Keys
			if own, ok := s.Keys[name]; ok {
				mark, list = "", own
			}
			fmt.Fprintf(&b, "  %-44s # %s\n", mark+name+": "+listed(list), k.Explain())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// listed writes keys as YAML reads them.
func listed(list []string) string {
	quoted := slices.Clone(list)
	for i, k := range quoted {
		quoted[i] = "'" + strings.ReplaceAll(k, "'", "''") + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
