package convert

import (
	"regexp"
	"strings"

	"kubarium/lessons"
)

// mark is what Killercoda puts behind what can be clicked.
func mark() *regexp.Regexp { return regexp.MustCompile(`\{\{\s*(exec|copy|open|execute)[^}]*\}\}`) }

// prose is their text, with nothing in it that would mean something in our format: our
// headings of steps, our blocks of data, and commands to type.
func prose(text string) string {
	text, _ = rewrite(text, false)
	return strings.TrimSpace(text)
}

// instructions is prose whose plain kubectl commands stay commands to type. What else they
// have typed is shown only: nothing of a lesson runs on the learner's machine but kubectl.
func instructions(text string) (string, []string) {
	text, commands := rewrite(text, true)
	if text = strings.TrimSpace(text); text == "" {
		text = "To do: say what to do."
	}
	return text, commands
}

func rewrite(text string, typed bool) (string, []string) {
	var out, commands []string
	var block []string
	inside := ""
	fence := regexp.MustCompile("^ {0,3}(```+|~~~+)")
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		found := fence.FindStringSubmatch(line)
		switch {
		case inside == "" && found != nil:
			inside, block = found[1], nil
		case inside == "":
			out = append(out, plain(line))
		case found != nil && strings.HasPrefix(found[1], inside):
			lines, typedLines := written(block, typed)
			out, commands = append(out, lines...), append(commands, typedLines...)
			inside = ""
		default:
			block = append(block, line)
		}
	}
	if inside != "" {
		lines, typedLines := written(block, typed)
		out, commands = append(out, lines...), append(commands, typedLines...)
	}
	return regexp.MustCompile(`\n{3,}`).ReplaceAllString(strings.Join(out, "\n"), "\n\n"), commands
}

// written writes a block of theirs: as commands to type if all of it is kubectl.
func written(block []string, typed bool) (lines, commands []string) {
	for _, line := range strings.Split(strings.ReplaceAll(strings.Join(block, "\n"), "\\\n", " "), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "$ "))
		if line != "" && !strings.HasPrefix(line, "#") {
			commands = append(commands, strings.Join(strings.Fields(line), " "))
		}
	}
	for _, c := range commands {
		if _, ok := lessons.KubectlArgs(c); !ok || strings.ContainsAny(c, "|><;&`$") {
			typed = false
		}
	}
	if !typed || len(commands) == 0 {
		return append(append([]string{"```text"}, block...), "```"), nil
	}
	return append(append([]string{"```sh"}, commands...), "```"), commands
}

// plain is a line of prose: headings go two levels down, so that none begins a step, and
// the marks of clickable things go.
func plain(line string) string {
	line = mark().ReplaceAllString(line, "")
	if m := regexp.MustCompile(`^(#{1,4})( .*)$`).FindStringSubmatch(line); m != nil {
		return "##" + m[1] + m[2]
	}
	if strings.TrimSpace(line) == "---" {
		return ""
	}
	return strings.ReplaceAll(line, "${", "$ {")
}
