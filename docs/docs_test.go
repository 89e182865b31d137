// Package docs has no code: its test compares what the documents say with the tests that
// there are.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNamedTestsExist finds each test that a document names, with its parts.
func TestNamedTestsExist(t *testing.T) {
	there, parts := tests(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)(?:/([^`]+))?`")
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents {
		text := read(t, document)
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			name, part := match[1], match[2]
			if !there[name] {
				t.Errorf("%s names the test %s, which is not there", document, name)
			}
			// A document may write a part as the tool shows it.
			if part != "" && !parts[part] && !parts[strings.ReplaceAll(part, "_", " ")] {
				t.Errorf("%s names the part %q of %s, which is not there", document, part, name)
			}
		}
	}
}

// TestEveryPromiseHasATest looks for promises that nothing proves, and for parts of the
// virtual machine's test and make targets that are not there.
func TestEveryPromiseHasATest(t *testing.T) {
	machine, makefile := read(t, "../hack/vmtest.sh"), read(t, "../Makefile")
	rows := 0
	for line := range strings.Lines(read(t, "CLAIMS.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || strings.Contains(line, "---") || strings.Contains(cells[1], "**") || cells[1] == " promise " {
			continue
		}
		rows++
		proofs := regexp.MustCompile("`[^`]+`").FindAllString(cells[2], -1)
		if len(proofs) == 0 {
			t.Errorf("nothing proves: %s", cells[1])
		}
		for _, proof := range proofs {
			proof = strings.Trim(proof, "`")
			if part, ok := strings.CutPrefix(proof, "hack/vmtest.sh "); ok && !strings.Contains(machine, "\t"+part+"() {") {
				t.Errorf("hack/vmtest.sh has no part %s", part)
			}
			if target, ok := strings.CutPrefix(proof, "make "); ok && !strings.Contains(makefile, "\n"+target+":") {
				t.Errorf("the Makefile has no target %s", target)
			}
		}
	}
	if rows < 40 {
		t.Errorf("only %d promises were found", rows)
	}
}

// TestFuzzTestsAreListed finds the fuzz tests that CLAIMS.md forgets.
func TestFuzzTestsAreListed(t *testing.T) {
	there, _ := tests(t)
	text := read(t, "CLAIMS.md")
	for name := range there {
		if strings.HasPrefix(name, "Fuzz") && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("CLAIMS.md has no %s", name)
		}
	}
}

// tests lists the tests of the module, and all texts and functions in their files, any of
// which may be the name of a part.
func tests(t *testing.T) (there, parts map[string]bool) {
	t.Helper()
	there, parts = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{"bin", ".git", "testdata"}, entry.Name()) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name != "TestMain" {
					there[n.Name.Name] = true
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					parts[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return there, parts
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
