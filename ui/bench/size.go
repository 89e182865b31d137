package bench

import (
	"fmt"

	"kubarium/ui/layout"
)

// Size is that of a terminal, in columns and lines. As a flag and in results it is written
// as in 120x40.
type Size struct{ Width, Height int }

// most is more columns and lines than anybody has.
const most = 1000

// Usual is the size of the terminals in which most people work, and of the project's pictures.
func Usual() Size { return Size{120, 40} }

// String implements fmt.Stringer.
func (s Size) String() string { return fmt.Sprintf("%dx%d", s.Width, s.Height) }

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Set implements pflag.Value.
func (s *Size) Set(text string) error {
	var size Size
	n, err := fmt.Sscanf(text+"\n", "%dx%d\n", &size.Width, &size.Height)
	if n != 2 || err != nil || size.Width < layout.MinWidth || size.Height < layout.MinHeight || max(size.Width, size.Height) > most {
		return fmt.Errorf("%q is no size: use %s", text, s.Want())
	}
	*s = size
	return nil
}

// Want says what Set takes.
func (s *Size) Want() string {
	return fmt.Sprintf("columns and lines such as %s, from %s to %s", Usual(), Size{layout.MinWidth, layout.MinHeight}, Size{most, most})
}

// Type implements pflag.Value.
func (s *Size) Type() string { return "size" }
