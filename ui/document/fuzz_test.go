package document

import "testing"

// FuzzRead looks for texts that crash their reader, or whose fields lie outside of them.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"", "a: b\nc:\n- d\n- {e: f}\n", "a: &a\n  b: *a", "a: |\n  b\n\n  c\n", "{", "\t- x", "- - - a", "a: b # c", "\x1b]0;x\a: y"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text := Read(raw)
		for line := range text.lines {
			if field, ok := text.At(line); ok && (field.Line < 0 || field.Last < field.Line || field.Last >= len(text.lines) || line < field.Line || line > field.Last) {
				t.Errorf("line %d of %d is in lines %d to %d", line, len(text.lines), field.Line, field.Last)
			}
		}
	})
}
