package command

import "testing"

// FuzzSplit looks for typed lines that crash the command line, or split into something
// that a shell would not.
func FuzzSplit(f *testing.F) {
	f.Add(`get pods -l 'app in (a, b)' "c d"\ e`)
	f.Add("kubectl ")
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Split(line)
		if err != nil && len(words) > 0 {
			t.Errorf("words %q and the error %v", words, err)
		}
		if args, err := Args(line); err == nil {
			_ = Interactive(args)
		}
	})
}
