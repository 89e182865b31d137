package bench

import (
	"strings"
	"testing"
)

// TestASoakTellsOfLeaks proves that growth is trouble where it shows: the first is what a soak
// of two hours had.
func TestASoakTellsOfLeaks(t *testing.T) {
	rests := make([]Rest, leastRests)
	usual := Soak{Minutes: 120, Rests: rests, Growth: Growth{Goroutines: 51, Heap: 14}, PSS: 112}
	for what, tc := range map[string]struct {
		change func(*Soak)
		told   string
	}{
		"what is usual": {func(*Soak) {}, ""},
		"goroutines":    {func(s *Soak) { s.Growth.Goroutines = 251 }, "251 goroutines more"},
		"descriptors":   {func(s *Soak) { s.Growth.Descriptors = 41 }, "41 descriptors more"},
		"heap":          {func(s *Soak) { s.Growth.Heap = 70 }, "70 MiB live more"},
		"processes":     {func(s *Soak) { s.Processes = 4 }, "4 processes more"},
		"memory":        {func(s *Soak) { s.PSS = 260 }, "260 MiB of all processes"},
		"mapped files":  {func(s *Soak) { s.PSS, s.Files = 260, 100 }, ""},
		"a short soak":  {func(s *Soak) { s.Minutes, s.PSS = 9, 999 }, ""},
		"few rests":     {func(s *Soak) { s.Rests, s.PSS = rests[1:], 999 }, ""},
		"lost objects":  {func(s *Soak) { s.Lost = 1 }, "1 of 0 objects were lost"},
		"a panic":       {func(s *Soak) { s.Panics = []string{"oh"} }, "a panic: oh"},
	} {
		s := usual
		tc.change(&s)
		switch err := s.Trouble(); {
		case tc.told == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case tc.told != "" && (err == nil || !strings.Contains(err.Error(), tc.told)):
			t.Errorf("%s: %v, and it should say %q", what, err, tc.told)
		}
	}
}
