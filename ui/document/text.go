// Package document shows a YAML text: in colours, with a cursor, with parts folded, and
// with the name of the field under the cursor.
package document

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"go.yaml.in/yaml/v3"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// Text is a YAML text that was read. It does not change.
type Text struct {
	raw    string
	lines  []string
	pieces [][]piece
	fields []Field
}

// piece is a part of a line, in one colour.
type piece struct {
	text string
	tone theme.Tone
}

// Field is a key with its value, or an item of a list.
type Field struct {
	// Line and Last are the first and the last line of it, from 0.
	Line, Last int
	// Path leads to it: the names of fields, and "[2]" for items.
	Path []string
}

// Read reads a YAML text. One that is not YAML has lines, but no fields.
func Read(raw string) *Text {
	raw = widget.Clean(strings.TrimRight(raw, "\n"))
	t := &Text{raw: raw, lines: strings.Split(raw, "\n")}
	t.colour()
	root := &yaml.Node{}
	if err := yaml.Unmarshal([]byte(raw), root); err == nil && len(root.Content) > 0 {
		t.walk(root.Content[0], nil, len(t.lines)-1)
	}
	return t
}

// Raw is the text as it was given.
func (t *Text) Raw() string { return t.raw }

// colour cuts the lines into pieces of one colour.
func (t *Text) colour() {
	t.pieces = make([][]piece, len(t.lines))
	tokens, err := chroma.Tokenise(lexers.Get("yaml"), nil, t.raw)
	if err != nil {
		tokens = []chroma.Token{{Type: chroma.Text, Value: t.raw}}
	}
	at := 0
	for _, token := range tokens {
		for n, part := range strings.Split(token.Value, "\n") {
			if n > 0 {
				at++
			}
			if part != "" && at < len(t.pieces) {
				t.pieces[at] = append(t.pieces[at], piece{part, toneOf(token.Type)})
			}
		}
	}
}

// toneOf says how a part of YAML looks.
func toneOf(t chroma.TokenType) theme.Tone {
	switch {
	case t == chroma.NameTag || t == chroma.NameNamespace:
		return theme.Accent
	case t.InCategory(chroma.Comment):
		return theme.Faint
	case t == chroma.Punctuation:
		return theme.Muted
	case t.InSubCategory(chroma.LiteralNumber), t == chroma.KeywordConstant:
		return theme.Busy
	case t.InSubCategory(chroma.LiteralString), t == chroma.LiteralDate:
		return theme.OK
	}
	return theme.Plain
}

// walk notes the fields of a node that ends at the line last.
func (t *Text) walk(n *yaml.Node, path []string, last int) {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	} else if n.Kind != yaml.SequenceNode {
		return
	}
	for i := 0; i+step <= len(n.Content); i += step {
		value, name := n.Content[i+step-1], fmt.Sprintf("[%d]", i)
		if step == 2 {
			name = n.Content[i].Value
		}
		f := Field{Line: n.Content[i].Line - 1, Last: last, Path: append(path[:len(path):len(path)], name)}
		if next := i + step; next < len(n.Content) {
			f.Last = max(f.Line, n.Content[next].Line-2)
		}
		t.fields = append(t.fields, f)
		t.walk(value, f.Path, f.Last)
	}
}

// At is the innermost field that a line belongs to.
func (t *Text) At(line int) (Field, bool) {
	best, found := Field{}, false
	for _, f := range t.fields {
		if f.Line <= line && line <= f.Last && (!found || len(f.Path) >= len(best.Path) && f.Line >= best.Line) {
			best, found = f, true
		}
	}
	return best, found
}

// block is the outermost field that begins on a line and has more than it.
func (t *Text) block(line int) (Field, bool) {
	for _, f := range t.fields {
		if f.Line == line && f.Last > line {
			return f, true
		}
	}
	return Field{}, false
}

// Names is the way to the field without places in lists, as kubectl explain takes it.
func (f Field) Names() []string {
	var names []string
	for _, p := range f.Path {
		if !strings.HasPrefix(p, "[") {
			names = append(names, p)
		}
	}
	return names
}

// String is the way to the field as the API server writes it:
// "spec.containers[0].image", "metadata.labels[app]".
func (f Field) String() string { return strings.Join(f.Path, ".") }

// signs are what the API server puts between names.
var signs = regexp.MustCompile(`[.\[\]"]+`)

// Find is the line of a field that the API server names, or of the nearest one around it;
// -1 if there is none.
func (t *Text) Find(path string) int {
	want := "." + strings.Trim(signs.ReplaceAllString(path, "."), ".") + "."
	best, line := 0, -1
	for _, f := range t.fields {
		have := "." + strings.Trim(signs.ReplaceAllString(f.String(), "."), ".") + "."
		if strings.HasPrefix(want, have) && len(have) > best {
			best, line = len(have), f.Line
		}
	}
	return line
}
