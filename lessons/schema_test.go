package lessons

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write lesson.schema.json")

// TestSchema keeps the schema beside the types from which it is made.
func TestSchema(t *testing.T) {
	const path = "lesson.schema.json"
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	schema = append(schema, '\n')
	if *update {
		if err := os.WriteFile(path, schema, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, schema) {
		t.Error("lesson.schema.json is out of date: go test ./lessons -run TestSchema -update")
	}
}

// TestFormatNamesEachKey holds the authors' manual against the types.
func TestFormatNamesEachKey(t *testing.T) {
	manual, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(schema), "\n") {
		key, rest, found := strings.Cut(strings.TrimSpace(line), ":")
		key = strings.Trim(key, `"`)
		if !found || strings.TrimSpace(rest) != "{" || slices.Contains(strings.Fields("properties items $defs quiz step additionalProperties"), key) {
			continue
		}
		if !bytes.Contains(manual, []byte("`"+key+"`")) {
			t.Errorf("FORMAT.md does not explain the key %q", key)
		}
	}
}

// TestDamagedLessons damages the draft in more than two hundred ways.
func TestDamagedLessons(t *testing.T) {
	lines := strings.Split(strings.ReplaceAll(draft, "ID", "damaged"), "\n")
	tried := 0
	try := func(changed []string) {
		tried++
		lesson, err := Parse("lesson.md", []byte(strings.Join(changed, "\n")), nil)
		if (lesson == nil) == (err == nil) {
			t.Errorf("attempt %d: neither a lesson nor an error", tried)
		}
		for _, p := range asProblems(err) {
			if p.Message == "" || p.File != "lesson.md" {
				t.Errorf("attempt %d: a problem without file or message: %v", tried, p)
			}
		}
	}
	for i := range lines {
		without := append(append([]string(nil), lines[:i]...), lines[i+1:]...)
		try(without)
		try(append(append([]string(nil), lines[:i+1]...), lines[i:]...))
		for _, damage := range []string{"\t", "  - ", "key: {", "```", "---", "unknown: 1", lines[i][:len(lines[i])/2]} {
			changed := append([]string(nil), lines...)
			changed[i] = damage
			try(changed)
		}
	}
	if tried < 200 {
		t.Errorf("only %d attempts", tried)
	}
}
