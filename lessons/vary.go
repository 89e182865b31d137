package lessons

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Variable is something that differs from one attempt at a lesson to the next: a name,
// or several that belong together.
type Variable struct {
	Name   string
	Values []Value

	line int
}

// Value is one of the things that a variable can be. A plain one stands for ${NAME}; one
// with fields stands for ${NAME.FIELD}, for each of them.
type Value struct {
	// Key names the value among the others: itself, or its first field.
	Key    string
	Fields map[string]string
}

// Choice is the value of each variable in one attempt, by their keys.
type Choice map[string]string

func (c Choice) String() string {
	var all []string
	for name, key := range c {
		all = append(all, name+" "+key)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// Varies reports whether attempts at the lesson differ.
func (l *Lesson) Varies() bool { return len(l.Variables) > 0 }

// Draw chooses values by chance. It avoids those of the attempt before, so that one who
// plays again does not meet the same.
func (l *Lesson) Draw(rng *rand.Rand, before Choice) Choice {
	choice := Choice{}
	for _, v := range l.Variables {
		var keys []string
		for _, value := range v.Values {
			if value.Key != before[v.Name] {
				keys = append(keys, value.Key)
			}
		}
		if len(keys) == 0 {
			keys = []string{v.Values[0].Key}
		}
		choice[v.Name] = keys[rng.IntN(len(keys))]
	}
	return choice
}

// Variants are as many choices as it takes to meet every value of every variable. The first
// has the first value of each, as a lesson has that was only loaded.
func (l *Lesson) Variants() []Choice {
	most := 1
	for _, v := range l.Variables {
		most = max(most, len(v.Values))
	}
	all := make([]Choice, most)
	for i := range all {
		all[i] = Choice{}
		for _, v := range l.Variables {
			all[i][v.Name] = v.Values[i%len(v.Values)].Key
		}
	}
	return all
}

// With returns the lesson as it is with these values. What the choice does not name has
// its first value. It fails when the lesson has no such value (any more), or does not
// parse with it.
func (l *Lesson) With(choice Choice) (*Lesson, error) {
	for name, key := range choice {
		if !slices.ContainsFunc(l.Variables, func(v Variable) bool { return v.Name == name && v.find(key) != nil }) {
			return nil, fmt.Errorf("lesson %s has no value %q of a variable %q", l.ID, key, name)
		}
	}
	varied, err := parse(l.file, l.text, l.raw, choice)
	if err != nil {
		return nil, err
	}
	varied.Base = l.Base
	return varied, nil
}

func (v *Variable) find(key string) *Value {
	for i := range v.Values {
		if v.Values[i].Key == key {
			return &v.Values[i]
		}
	}
	return nil
}

// filler puts values in the place of ${NAME}.
type filler map[string]string

// newFiller takes the chosen values, and the first of what is not chosen.
func newFiller(variables []Variable, choice Choice) filler {
	f := filler{}
	for _, v := range variables {
		if len(v.Values) == 0 {
			continue
		}
		value := v.find(choice[v.Name])
		if value == nil {
			value = &v.Values[0]
		}
		if len(value.Fields) == 0 {
			f[v.Name] = value.Key
		}
		for field, text := range value.Fields {
			f[v.Name+"."+field] = text
		}
	}
	return f
}

// fill replaces what it knows. Of what looks alike and is not known, unknown is told, with
// its line; a lesson without variables may write ${anything}.
func (f filler) fill(text string, unknown func(line int, name string)) string {
	if len(f) == 0 {
		return text
	}
	mark := regexp.MustCompile(`\$\{([a-z][a-zA-Z0-9]*(?:\.[a-z][a-zA-Z0-9]*)?)\}`)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = mark.ReplaceAllStringFunc(line, func(found string) string {
			name := found[2 : len(found)-1]
			value, ok := f[name]
			if !ok {
				unknown(i+1, name)
				return found
			}
			return value
		})
	}
	return strings.Join(lines, "\n")
}

// fillAll fills the text of a lesson and the files beside it.
func (p *parser) fillAll(text string, variables []Variable, choice Choice) string {
	f := newFiller(variables, choice)
	files := make(map[string][]byte, len(p.lesson.Files))
	for name, content := range p.lesson.Files {
		files[name] = []byte(f.fill(string(content), func(_ int, what string) {
			p.report.add(0, "%s: ${%s} is no variable of the lesson", name, what)
		}))
	}
	p.lesson.Files = files
	return f.fill(text, func(line int, what string) { p.report.add(line, "${%s} is no variable of the lesson", what) })
}

// variables reads the variables out of the front matter before anything else is read:
// what stands around them is valid only when they are filled in.
func (p *parser) variables(text string) []Variable {
	start, block := variablesBlock(text)
	if start == 0 {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(block), &doc); err != nil {
		line, message := yamlError(err)
		p.report.add(start+line-1, "the variables are not valid YAML: %s", message)
		return nil
	}
	d := &decoder{report: p.report, offset: start - 1}
	var holder struct {
		Variables []Variable `yaml:"variables"`
	}
	return d.variables(doc.Content[0].Content[1], holder.Variables)
}

// variablesBlock returns the lines of the key "variables" in the front matter, and on which
// line of the file it begins; 0 when there is none.
func variablesBlock(text string) (start int, block string) {
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	for i := 1; i < len(lines) && strings.TrimRight(lines[i], " \t") != "---"; i++ {
		top := lines[i] != "" && !strings.ContainsRune(" \t#-", rune(lines[i][0]))
		switch {
		case top && start > 0:
			return start, block
		case strings.HasPrefix(lines[i], "variables:"):
			start = i + 1
			block = lines[i]
		case start > 0:
			block += "\n" + lines[i]
		}
	}
	return start, block
}

// variables decodes a mapping of names to lists of values, in the order of the file.
func (d *decoder) variables(n *yaml.Node, into []Variable) []Variable {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "key \"variables\" must be a set of names, each with a list of values")
		return nil
	}
	name := regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, list := n.Content[i], n.Content[i+1]
		v := Variable{Name: key.Value, line: d.offset + key.Line}
		switch {
		case !name.MatchString(v.Name):
			d.problem(key, "variable %q: a name begins with a small letter and has only letters and digits", v.Name)
		case slices.ContainsFunc(into, func(o Variable) bool { return o.Name == v.Name }):
			d.problem(key, "variable %q stands above already", v.Name)
		case list.Kind != yaml.SequenceNode || len(list.Content) < 2:
			d.problem(key, "variable %q needs a list of at least two values", v.Name)
		default:
			d.values(&v, list)
			into = append(into, v)
		}
	}
	return into
}

func (d *decoder) values(v *Variable, list *yaml.Node) {
	for _, n := range list.Content {
		value, ok := d.oneValue(v.Name, n)
		if !ok {
			continue
		}
		if v.find(value.Key) != nil {
			d.problem(n, "variable %q has the value %q twice", v.Name, value.Key)
			continue
		}
		if len(v.Values) > 0 && !sameFields(v.Values[0], value) {
			d.problem(n, "the values of variable %q must all have the same fields", v.Name)
			continue
		}
		v.Values = append(v.Values, value)
	}
}

func (d *decoder) oneValue(variable string, n *yaml.Node) (Value, bool) {
	if n.Kind == yaml.ScalarNode {
		text, ok := d.valueText(variable, n)
		return Value{Key: text}, ok
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.problem(n, "a value of variable %q must be a text, or a set of fields with texts", variable)
		return Value{}, false
	}
	value := Value{Fields: map[string]string{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		text, ok := d.valueText(variable, n.Content[i+1])
		if !ok {
			return Value{}, false
		}
		value.Fields[n.Content[i].Value] = text
		value.Key = cmp.Or(value.Key, text)
	}
	return value, true
}

// valueText is one line: lines of the file must stay where they are, so that mistakes are
// found by them.
func (d *decoder) valueText(variable string, n *yaml.Node) (string, bool) {
	text, ok := d.scalar(n, fmt.Sprintf("a value of variable %q", variable), "a text")
	if ok && (text == "" || strings.Contains(text, "\n") || strings.Contains(text, "${")) {
		d.problem(n, "a value of variable %q must be one line, and name no variable", variable)
		return "", false
	}
	return text, ok
}

func sameFields(a, b Value) bool {
	if len(a.Fields) != len(b.Fields) {
		return false
	}
	for name := range a.Fields {
		if _, ok := b.Fields[name]; !ok {
			return false
		}
	}
	return true
}
