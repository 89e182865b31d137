package command

import (
	"errors"
	"fmt"
	"strings"
)

// Split cuts a line into words as a shell does: quotes and backslashes keep what
// they protect together. What only a shell can do is an error, rather than
// something else than it looks like.
func Split(line string) ([]string, error) {
	var (
		words []string
		word  strings.Builder
		open  bool // a word has begun, even if it is empty
		quote rune
		esc   bool
	)
	for _, r := range line {
		switch {
		case esc:
			word.WriteRune(r)
			esc = false
		case quote == '\'' && r != '\'':
			word.WriteRune(r)
		case r == '\\':
			esc, open = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		case strings.ContainsRune("|&;<>`", r), r == '$':
			return nil, fmt.Errorf("%q needs a shell: this line runs kubectl only. "+
				"In another terminal, eval \"$(kubarium env)\" gives any shell this cluster", string(r))
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is open: %c", quote)
	}
	if esc {
		return nil, errors.New("the line ends with a backslash")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// Args are the words for kubectl, whose own name may be in front.
func Args(line string) ([]string, error) {
	words, err := Split(line)
	if err != nil {
		return nil, err
	}
	for len(words) > 0 && (words[0] == "kubectl" || words[0] == "kubarium" || words[0] == "k") {
		words = words[1:]
	}
	return words, nil
}

// takesValue reports whether a flag that may stand in front of the verb has its
// value in the next word.
func takesValue(flag string) bool {
	switch flag {
	case "-n", "--namespace", "--context", "--kubeconfig", "--cluster", "--user", "-s", "--server", "--as", "-v":
		return true
	}
	return false
}

// Interactive reports whether kubectl, called so, needs the terminal to itself.
func Interactive(args []string) bool {
	verb := ""
	stdin, tty, value := false, false, false
	for _, a := range args {
		if a == "--" {
			break
		}
		switch {
		case value:
			value = false
		case verb == "" && takesValue(a):
			value = true
		case verb == "" && !strings.HasPrefix(a, "-"):
			verb = a
		case a == "--stdin" || a == "--stdin=true":
			stdin = true
		case a == "--tty" || a == "--tty=true":
			tty = true
		case a == "--edit" || a == "--edit=true":
			return verb == "create"
		case strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && len(a) <= 4 && strings.Trim(a[1:], "itq") == "":
			stdin = stdin || strings.Contains(a, "i")
			tty = tty || strings.Contains(a, "t")
		}
	}
	switch verb {
	case "edit":
		return true
	case "exec", "run", "debug", "attach":
		return stdin || tty
	}
	return false
}

// Own reports whether arguments are for Kubarium itself and not for kubectl, which has
// no such verbs.
func Own(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch args[0] {
	case "node", "component", "etcd", "encrypt-secrets", "trace", "inspect", "snapshot", "fault", "clock", "hold", "step", "release", "freeze", "thaw":
		return true
	}
	return false
}
