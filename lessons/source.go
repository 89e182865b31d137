package lessons

import (
	"regexp"
	"strings"
)

// source is a Markdown file cut into the parts that the parser reads.
type source struct {
	front    block
	intro    section
	sections []section
}

// section is what stands under a second-level heading.
type section struct {
	title string
	line  int
	parts []part
}

// part is either prose (which keeps its ordinary code blocks) or a block that
// is data.
type part struct {
	prose string
	data  *block
	// commands are the lines of the sh blocks within prose.
	commands []string
	// shown are the manifests that prose shows.
	shown []block
}

// block is fenced text with the line on which its content begins.
type block struct {
	kind string
	text string
	line int
}

// fence matches the start of a fenced code block: indentation, marks, info.
func fenceStart() *regexp.Regexp { return regexp.MustCompile("^( {0,3})(```+|~~~+)[ \t]*([^`]*)$") }

// scanner walks the lines of one file.
type scanner struct {
	lines    []string
	pos      int
	fence    *regexp.Regexp
	problems *reporter
}

// scan cuts a lesson file into front matter, introduction and sections.
func scan(text string, problems *reporter) source {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	s := &scanner{lines: strings.Split(text, "\n"), fence: fenceStart(), problems: problems}
	var src source
	src.front = s.frontMatter()
	src.intro = s.section("", s.pos+1)
	for s.pos < len(s.lines) {
		line := s.pos + 1
		title := strings.TrimSpace(strings.TrimPrefix(s.lines[s.pos], "## "))
		s.pos++
		src.sections = append(src.sections, s.section(title, line))
	}
	return src
}

// frontMatter reads the YAML between the two --- lines at the top.
func (s *scanner) frontMatter() block {
	if len(s.lines) == 0 || strings.TrimRight(s.lines[0], " ") != "---" {
		s.problems.add(1, "the file must begin with front matter: a line of ---, YAML, and another line of ---")
		return block{line: 1}
	}
	for i := 1; i < len(s.lines); i++ {
		if strings.TrimRight(s.lines[i], " ") == "---" {
			s.pos = i + 1
			return block{kind: "front matter", text: strings.Join(s.lines[1:i], "\n"), line: 2}
		}
	}
	s.problems.add(1, "the front matter is never closed by a line of ---")
	s.pos = len(s.lines)
	return block{line: 1}
}

// section reads up to the next second-level heading.
func (s *scanner) section(title string, line int) section {
	sec := section{title: title, line: line}
	prose := part{}
	var text []string
	flush := func() {
		prose.prose = strings.Trim(strings.Join(text, "\n"), "\n")
		if prose.prose != "" {
			sec.parts = append(sec.parts, prose)
		}
		prose, text = part{}, nil
	}
	for s.pos < len(s.lines) && !strings.HasPrefix(s.lines[s.pos], "## ") {
		m := s.fence.FindStringSubmatch(s.lines[s.pos])
		if m == nil {
			text = append(text, s.lines[s.pos])
			s.pos++
			continue
		}
		b, raw := s.fenced(m)
		switch {
		case b.kind == "yaml step" || b.kind == "yaml quiz":
			flush()
			sec.parts = append(sec.parts, part{data: &b})
			continue
		case b.kind == "sh":
			prose.commands = append(prose.commands, commandLines(b.text)...)
		case strings.HasPrefix(b.kind, "yaml ") && strings.HasSuffix(b.kind, ".yaml"):
			prose.shown = append(prose.shown, b)
			raw[0] = m[1] + m[2] + "yaml"
		case strings.Contains(b.kind, " "):
			s.problems.add(b.line-1, "unknown block %q; data blocks are \"yaml step\" and \"yaml quiz\", a manifest is shown by \"yaml NAME.yaml\"", b.kind)
		}
		text = append(text, raw...)
	}
	flush()
	return sec
}

// fenced reads one fenced block, and returns its raw lines as well.
func (s *scanner) fenced(open []string) (block, []string) {
	start := s.pos
	b := block{kind: strings.Join(strings.Fields(open[3]), " "), line: start + 2}
	for s.pos++; s.pos < len(s.lines); s.pos++ {
		line := strings.TrimSpace(s.lines[s.pos])
		if strings.HasPrefix(line, open[2]) && strings.Trim(line, open[2][:1]) == "" {
			s.pos++
			b.text = strings.Join(s.lines[start+1:s.pos-1], "\n")
			return b, append([]string(nil), s.lines[start:s.pos]...)
		}
	}
	s.problems.add(start+1, "this block is never closed by a line of %s", open[2])
	b.text = strings.Join(s.lines[start+1:], "\n")
	return b, append([]string(nil), s.lines[start:]...)
}

// commandLines are the commands in an sh block; a backslash at a line's end
// continues it.
func commandLines(text string) []string {
	var commands []string
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "$ "))
		if line != "" && !strings.HasPrefix(line, "#") {
			commands = append(commands, strings.Join(strings.Fields(line), " "))
		}
	}
	return commands
}
