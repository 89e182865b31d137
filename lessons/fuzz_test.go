package lessons

import "testing"

// FuzzWords looks for command lines that crash what compares them with a lesson's.
func FuzzWords(f *testing.F) {
	f.Add("kubectl run web --image=\"a b\" # comment", "kubectl run web")
	f.Add("kubarium node kill node-1", "kubarium node kill NODE")
	f.Add("'", "\\")
	f.Fuzz(func(t *testing.T, line, pattern string) {
		if _, err := Words(line); err == nil && line != "" && !SameCommand(line, line) {
			if args, ok := KubectlArgs(line); ok && len(args) > 0 {
				t.Logf("%q is not the same as itself", line)
			}
		}
		_ = SameCommand(pattern, line)
		_, _ = FaultOf(line)
	})
}
