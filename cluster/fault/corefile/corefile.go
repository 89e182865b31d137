// Package corefile puts rules of faults into CoreDNS' configuration, and takes them out again,
// without a look at what else is in it.
package corefile

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// serverBlock begins the answers for all names.
var serverBlock = regexp.MustCompile(`(?m)^\.:53 *\{ *$`)

// begin and end, with the name that a rule is for, mark its lines.
const (
	begin = "    # fault dns-skew "
	end   = "    # end of fault dns-skew "
)

// ErrNoBlock says that a Corefile has no place for a rule.
var ErrNoBlock = errors.New("the Corefile has no block .:53 for the rule")

// Marked reports whether a text has a rule of a fault in it, or the mark of one.
func Marked(text string) bool { return strings.Contains(text, begin) }

// With returns the Corefile with a rule for a name.
func With(corefile, name, rule string) (string, error) {
	return with(corefile, begin+name+"\n    "+strings.ReplaceAll(rule, "\n", "\n    ")+"\n"+end+name+"\n")
}

func with(corefile, lines string) (string, error) {
	at := serverBlock.FindStringIndex(corefile)
	if at == nil {
		return "", ErrNoBlock
	}
	return corefile[:at[1]] + "\n" + lines + strings.TrimPrefix(corefile[at[1]:], "\n"), nil
}

// Without returns the Corefile without the rule for a name.
func Without(corefile, name string) string {
	rest, _ := cut(corefile, name)
	return rest
}

// cut takes the lines for a name out.
func cut(corefile, name string) (rest, lines string) {
	first, last := begin+name+"\n", end+name+"\n"
	before, from, found := strings.Cut(corefile, first)
	if !found {
		return corefile, ""
	}
	rule, after, found := strings.Cut(from, last)
	if !found {
		return corefile, ""
	}
	return before + after, first + rule + last
}

// Keep returns the Corefile of another time with the rules that there are now, and no others: a
// fault does not come back with what was. Where there is no place for them, none is kept.
func Keep(then, now string) string {
	for _, name := range names(then) {
		then = Without(then, name)
	}
	// The newest rule is the first.
	for _, name := range slices.Backward(names(now)) {
		_, lines := cut(now, name)
		if kept, err := with(then, lines); err == nil {
			then = kept
		}
	}
	return then
}

// names are those that a Corefile has rules for, in its order.
func names(corefile string) []string {
	var list []string
	for line := range strings.Lines(corefile) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), begin); ok {
			list = append(list, name)
		}
	}
	return list
}
