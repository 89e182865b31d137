package widget

// List is the cursor and the view of a list: which row is selected, and which
// rows are shown.
type List struct {
	Cursor, Offset int
}

// Clamp keeps the cursor among n rows and in a view of h rows.
func (l *List) Clamp(n, h int) {
	l.Cursor = max(0, min(l.Cursor, n-1))
	if h <= 0 {
		return
	}
	if l.Cursor < l.Offset {
		l.Offset = l.Cursor
	}
	if l.Cursor >= l.Offset+h {
		l.Offset = l.Cursor - h + 1
	}
	l.Offset = max(0, min(l.Offset, n-h))
}

// Move moves the cursor among n rows.
func (l *List) Move(by, n int) {
	l.Cursor = max(0, min(l.Cursor+by, n-1))
}

// View is the offset that Clamp would leave, without changing anything.
func (l List) View(n, h int) (cursor, offset int) {
	l.Clamp(n, h)
	return l.Cursor, l.Offset
}
