package document

import "strings"

// Search goes to the nearest line that has a text, in small or large letters, shows what
// is folded, and tells how many lines have it. An empty text ends it.
func (v *View) Search(text string) int {
	v.find = strings.ToLower(text)
	if v.find == "" {
		return 0
	}
	if len(v.folded) > 0 {
		line := v.line()
		v.folded = nil
		v.arrange()
		v.Go(line)
	}
	found := 0
	for line := range v.Len() {
		if v.has(line) {
			found++
		}
	}
	v.Match(0)
	return found
}

func (v *View) has(line int) bool {
	return v.find != "" && strings.Contains(strings.ToLower(v.text.lines[line]), v.find)
}

// Match goes to the next line that has what is searched for, or back; 0 is the nearest one.
// At an end it begins at the other.
func (v *View) Match(by int) {
	n, step := len(v.rows), 1
	if by < 0 {
		step = -1
	}
	for i := range n {
		at := ((v.list.Cursor+by+step*i)%n + n) % n
		if v.has(v.rows[at]) {
			v.Scroll(at - v.list.Cursor)
			return
		}
	}
}
