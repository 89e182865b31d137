package lessons

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Command is a line that the learner typed, and what came of it.
type Command struct {
	Line   string
	Exit   int
	Output string
	At     time.Time
}

// Words splits a command line as a shell would, with quotes and backslashes
// but nothing else: no variables, pipes or substitutions.
func Words(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote or backslash at the end is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// KubectlArgs returns the arguments of a kubectl command line, and false when
// it is some other command or uses what only a shell understands.
func KubectlArgs(line string) ([]string, bool) {
	words, err := Words(line)
	if err != nil || len(words) < 2 || (words[0] != "kubectl" && words[0] != "k") {
		return nil, false
	}
	return words[1:], true
}

// FaultOf reads "kubarium node kill node-3" and "kubarium component stop etcd":
// what a solution can do to the cluster itself. Kind is node or component.
func FaultOf(line string) (f struct{ Kind, Do, Name string }, ok bool) {
	words, err := Words(line)
	if err != nil || len(words) != 4 || words[0] != "kubarium" {
		return f, false
	}
	f.Kind, f.Do, f.Name = words[1], words[2], words[3]
	verb := f.Do == "start" || f.Do == "stop" || (f.Do == "kill" && f.Kind == "node")
	return f, verb && (f.Kind == "node" || f.Kind == "component")
}

// toolVerbs names the commands of Kubarium's own that a lesson may have run, beside
// faults of nodes and components: those that look, and those that can be undone.
func toolVerbs(tool string) (verbs []string, known bool) {
	switch tool {
	case "etcd":
		return []string{"ls", "get"}, true
	case "node":
		return []string{"ls", "add", "rm"}, true
	case "component":
		return []string{"ls"}, true
	case "fault":
		return []string{"list", "inject", "heal", "status"}, true
	case "snapshot":
		return []string{"ls", "save", "restore", "rm", "diff"}, true
	case "inspect":
		return []string{"node", "container", "pod", "service", "svc", "path"}, true
	case "encrypt-secrets", "clock", "trace", "hold", "step", "release":
		return nil, true
	}
	return nil, false
}

// ToolOf reads "kubarium etcd get /registry/pods/default/web" and the like, and returns
// the arguments of the program. What never ends by itself is not among them.
func ToolOf(line string) (args []string, ok bool) {
	words, err := Words(line)
	if err != nil || len(words) < 2 || words[0] != "kubarium" {
		return nil, false
	}
	args = words[1:]
	verbs, known := toolVerbs(args[0])
	if !known || slices.Contains(args, "-f") || slices.Contains(args, "-w") || slices.Contains(args, "--watch") || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--follow") }) {
		return nil, false
	}
	if len(verbs) > 0 && (len(args) < 2 || !slices.Contains(verbs, args[1])) {
		return nil, false
	}
	// What names another cluster is not the learner's.
	if slices.ContainsFunc(args, func(a string) bool {
		return a == "--name" || strings.HasPrefix(a, "--name=") || strings.HasPrefix(a, "--data-dir")
	}) {
		return nil, false
	}
	return args, true
}

// matches reports whether the line does at least what the pattern says: the
// same verb, the pattern's words in their order and its flags anywhere.
// Other ways to say the same ("po", "pod/web", "--output=wide") are equal.
func matches(pattern, line string) bool {
	if want, ok := FaultOf(pattern); ok {
		got, ok := FaultOf(line)
		return ok && got == want
	}
	if want, ok := ToolOf(pattern); ok {
		got, ok := ToolOf(line)
		return ok && slices.Equal(got, want)
	}
	want, ok1 := KubectlArgs(pattern)
	got, ok2 := KubectlArgs(line)
	if !ok1 || !ok2 {
		return false
	}
	wantWords, wantFlags := normal(want)
	gotWords, gotFlags := normal(got)
	for flag, value := range wantFlags {
		if v, ok := gotFlags[flag]; !ok || (value != "" && v != value) {
			return false
		}
	}
	if len(gotWords) == 0 || len(wantWords) == 0 || gotWords[0] != wantWords[0] {
		return false
	}
	i := 0
	for _, w := range gotWords {
		if i < len(wantWords) && w == wantWords[i] {
			i++
		}
	}
	return i == len(wantWords)
}

// normal splits arguments into words and flags, each in its long form.
func normal(args []string) (words []string, flags map[string]string) {
	flags = map[string]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			words = append(words, args[i+1:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			words = append(words, resourceWords(a, len(words))...)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		// -owide and -nkube-system: the value sticks to the short flag.
		if !strings.HasPrefix(a, "--") && !hasValue && len(name) > 1 && strings.ContainsRune("onfl", rune(name[0])) {
			name, value, hasValue = name[:1], name[1:], true
		}
		name = longFlag(name)
		if !hasValue && takesValue(name) && i+1 < len(args) {
			i++
			value = args[i]
		}
		flags[name] = value
	}
	return words, flags
}

// resourceWords gives "pod/web" and "po web" the same words. The first word
// is the verb and stays.
func resourceWords(word string, position int) []string {
	if position == 0 {
		return []string{word}
	}
	kind, name, both := strings.Cut(word, "/")
	if both && !strings.Contains(name, "/") && kind != "" {
		return []string{plural(kind), name}
	}
	if position == 1 {
		return []string{plural(word)}
	}
	return []string{word}
}

func plural(kind string) string {
	switch kind {
	case "po", "pod":
		return "pods"
	case "no", "node":
		return "nodes"
	case "svc", "service":
		return "services"
	case "deploy", "deployment":
		return "deployments"
	case "rs", "replicaset":
		return "replicasets"
	case "ds", "daemonset":
		return "daemonsets"
	case "sts", "statefulset":
		return "statefulsets"
	case "cm", "configmap":
		return "configmaps"
	case "ns", "namespace":
		return "namespaces"
	case "ev", "event":
		return "events"
	case "pvc":
		return "persistentvolumeclaims"
	case "pv":
		return "persistentvolumes"
	case "ep":
		return "endpoints"
	case "sa", "serviceaccount":
		return "serviceaccounts"
	case "cj":
		return "cronjobs"
	case "quota":
		return "resourcequotas"
	case "pdb", "poddisruptionbudget":
		return "poddisruptionbudgets"
	case "resourcequota", "limitrange", "role", "rolebinding", "lease", "persistentvolumeclaim", "persistentvolume", "secret", "job", "cronjob", "endpointslice":
		return kind + "s"
	}
	return kind
}

func longFlag(name string) string {
	switch name {
	case "o":
		return "output"
	case "n":
		return "namespace"
	case "f":
		return "filename"
	case "l":
		return "selector"
	case "A":
		return "all-namespaces"
	case "w":
		return "watch"
	}
	return name
}

// takesValue names the flags whose value may be the next word.
func takesValue(flag string) bool {
	switch flag {
	case "output", "namespace", "filename", "selector", "image", "replicas", "port", "context", "field-selector", "grace-period", "as", "for":
		return true
	}
	return false
}

// FlagOf returns the value of a flag of a kubectl command line, by its long name.
func FlagOf(line, flag string) string {
	args, ok := KubectlArgs(line)
	if !ok {
		return ""
	}
	_, flags := normal(args)
	return flags[flag]
}

// Near returns the word that was probably meant: one of those known that differs in at most
// two letters, and fewer in short ones.
func Near(word string, known []string) string {
	best, distance := "", min(3, 1+len(word)/3)
	for _, k := range known {
		if n := editDistance(word, k); n < distance {
			best, distance = k, n
		}
	}
	return best
}

// SameCommand reports whether line does at least what pattern does. See
// typed() in FORMAT.md for what counts as the same.
func SameCommand(pattern, line string) bool { return matches(pattern, line) }
