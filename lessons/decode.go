package lessons

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reporter collects the problems of one file.
type reporter struct {
	file     string
	problems Problems
}

func (r *reporter) add(line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Message: fmt.Sprintf(format, args...)})
}

// decoder reads YAML into structs. Unlike the library's own it reports every
// mistake with its line, and in words for authors rather than of Go types.
type decoder struct {
	report *reporter
	// offset is the line of the file before the YAML's first line.
	offset int
}

// decode reads the YAML of a block into the value that into points to.
func decode(b block, into any, report *reporter) bool {
	var doc yaml.Node
	before := len(report.problems)
	if err := yaml.Unmarshal([]byte(b.text), &doc); err != nil {
		line, message := yamlError(err)
		report.add(b.line+line-1, "the %s is not valid YAML: %s", b.kind, message)
		return false
	}
	d := &decoder{report: report, offset: b.line - 1}
	if len(doc.Content) == 0 {
		report.add(b.line, "the %s is empty", b.kind)
		return false
	}
	d.value(doc.Content[0], reflect.ValueOf(into).Elem(), "the "+b.kind)
	return len(report.problems) == before
}

// yamlError takes the line out of the library's message.
func yamlError(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		return line, m[2]
	}
	return 1, message
}

// value decodes one node. what is its name in a sentence ("key \"for\"").
func (d *decoder) value(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.problem(n, "anchors and aliases are not used in lessons")
		return
	}
	switch target := v.Addr().Interface().(type) {
	case *Expr:
		if s, ok := d.scalar(n, what, "a CEL expression"); ok {
			*target = Expr{Source: s, line: d.textLine(n)}
		}
		return
	case *Text:
		if s, ok := d.scalar(n, what, "a sentence"); ok {
			*target = Text{Source: s, line: d.textLine(n)}
		}
		return
	case *time.Duration:
		d.duration(n, target, what)
		return
	case *[]Let:
		d.lets(n, target)
		return
	case *[]Variable:
		return // read before all else: see variables
	}
	switch v.Kind() {
	case reflect.String:
		if s, ok := d.scalar(n, what, "a text"); ok {
			v.SetString(s)
		}
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.problem(n, "%s must be a whole number", what)
			return
		}
		v.SetInt(int64(i))
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			d.problem(n, "%s must be true or false", what)
			return
		}
		v.SetBool(n.Value == "true")
	case reflect.Slice:
		d.slice(n, v, what)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), what)
	case reflect.Struct:
		d.structure(n, v, what)
	}
}

func (d *decoder) slice(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s must be a list", what)
		return
	}
	// An empty list differs from none.
	v.Set(reflect.MakeSlice(v.Type(), 0, len(n.Content)))
	for i, item := range n.Content {
		element := reflect.New(v.Type().Elem()).Elem()
		name := fmt.Sprintf("entry %d of %s", i+1, what)
		if element.Kind() == reflect.Struct {
			name = article(element.Type().Name())
		}
		d.value(item, element, name)
		v.Set(reflect.Append(v, element))
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "%s must be a set of keys with values", what)
		return
	}
	fields, names := yamlFields(v)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, item := n.Content[i], n.Content[i+1]
		field, ok := fields[key.Value]
		switch {
		case !ok:
			d.problem(key, "unknown key %q in %s%s", key.Value, what, suggest(key.Value, names))
		case seen[key.Value]:
			d.problem(key, "key %q stands twice in %s", key.Value, what)
		default:
			d.value(item, field, fmt.Sprintf("key %q", key.Value))
		}
		seen[key.Value] = true
	}
	if target, ok := v.Addr().Interface().(interface{ setLine(int) }); ok {
		target.setLine(d.offset + n.Line)
	}
}

// lets reads a mapping of names to expressions, in the order of the file.
func (d *decoder) lets(n *yaml.Node, into *[]Let) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "key \"let\" must be a set of names with expressions")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		let := Let{Name: n.Content[i].Value}
		d.value(n.Content[i+1], reflect.ValueOf(&let.Expr).Elem(), fmt.Sprintf("let %q", let.Name))
		let.Expr.nameLine = d.offset + n.Content[i].Line
		*into = append(*into, let)
	}
}

func (d *decoder) duration(n *yaml.Node, into *time.Duration, what string) {
	t, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || t <= 0 {
		d.problem(n, "%s must be a length of time such as 10s or 2m", what)
		return
	}
	*into = t
}

func (d *decoder) scalar(n *yaml.Node, what, kind string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.problem(n, "%s must be %s", what, kind)
		return "", false
	}
	return strings.TrimRight(n.Value, "\n"), true
}

// textLine is the line on which a scalar's text begins: the one after the
// mark for block scalars.
func (d *decoder) textLine(n *yaml.Node) int {
	line := d.offset + n.Line
	if n.Style == yaml.LiteralStyle || n.Style == yaml.FoldedStyle {
		line++
	}
	return line
}

func (d *decoder) problem(n *yaml.Node, format string, args ...any) {
	d.report.add(d.offset+n.Line, format, args...)
}

// yamlFields maps the keys of a struct to its fields.
func yamlFields(v reflect.Value) (map[string]reflect.Value, []string) {
	fields := map[string]reflect.Value{}
	var names []string
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		if tag != "" && tag != "-" {
			fields[tag] = v.Field(i)
			names = append(names, tag)
		}
	}
	return fields, names
}

func (l *Lesson) setLine(n int)   { l.line = n }
func (s *Step) setLine(n int)     { s.line = n }
func (c *Check) setLine(n int)    { c.line = n }
func (h *Hint) setLine(n int)     { h.line = n }
func (s *Say) setLine(n int)      { s.line = n }
func (q *Question) setLine(n int) { q.line = n }
func (o *Option) setLine(n int)   { o.line = n }
func (a *Action) setLine(n int)   { a.line = n }
func (r *Ref) setLine(n int)      { r.line = n }
func (f *Fault) setLine(n int)    { f.line = n }
func (p *Probe) setLine(n int)    { p.line = n }
func (w *Wants) setLine(n int)    { w.line = n }

// article puts "a" or "an" before the lower-cased name of a type.
func article(name string) string {
	name = strings.ToLower(name)
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// suggest names the nearest known key, or all of them.
func suggest(key string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if n := editDistance(key, k); n < distance {
			best, distance = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	sorted := append([]string(nil), known...)
	sort.Strings(sorted)
	return "; known keys: " + strings.Join(sorted, ", ")
}

// editDistance is the number of letters to add, drop or change.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			above := row[j]
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above+1, row[j-1]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}

// asProblems returns the problems within an error.
func asProblems(err error) Problems {
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	return nil
}
