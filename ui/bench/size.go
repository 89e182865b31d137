package bench

import "fmt"

// Size is that of a terminal, in columns and lines. As a flag and in results it is written
// as in 120x40.
type Size struct{ Width, Height int }

// Usual is the size of the terminals in which most people work, and of the project's pictures.
func Usual() Size { return Size{120, 40} }

// String implements fmt.Stringer.
func (s Size) String() string { return fmt.Sprintf("%dx%d", s.Width, s.Height) }

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Set implements pflag.Value.
func (s *Size) Set(text string) error {
	var size Size
	if n, err := fmt.Sscanf(text+"\n", "%dx%d\n", &size.Width, &size.Height); n != 2 || err != nil {
		return fmt.Errorf("%q is no size: give columns and lines, as in 120x40", text)
	}
	if size.Width < 80 || size.Width > 1000 || size.Height < 24 || size.Height > 1000 {
		return fmt.Errorf("a terminal of %s: it must have 80x24 to 1000x1000 cells", size)
	}
	*s = size
	return nil
}

// Type implements pflag.Value.
func (s *Size) Type() string { return "size" }
