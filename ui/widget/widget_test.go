package widget

import (
	"fmt"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
)

func TestFit(t *testing.T) {
	for _, s := range []string{"", "abc", "日本語の名前", "\x1b[31mred and long enough\x1b[0m", "e\u0301"} {
		for w := range 12 {
			for name, got := range map[string]string{"Fit": Fit(s, w, "…"), "FitRight": FitRight(s, w, "…")} {
				if n := ansi.StringWidth(got); n != w {
					t.Errorf("%s(%q, %d) has %d cells", name, s, w, n)
				}
			}
			if n := ansi.StringWidth(Middle(s, w, "…")); n > w {
				t.Errorf("Middle(%q, %d) has %d cells", s, w, n)
			}
		}
	}
	if got := Middle("web-5b7d9f-x2x4z", 11, "…"); got != "web-5…x2x4z" {
		t.Errorf("Middle gives %q", got)
	}
	if got := Middle("web…ep9k3", 7, "…"); got != "web…9k3" {
		t.Errorf("Middle cuts twice: %q", got)
	}
	if got := Middle("web…ep9k3", 8, "…"); got != "web…p9k3" {
		t.Errorf("Middle cuts twice: %q", got)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                     "plain",
		"\x1b[2J\x1b[31mred\x1b[0m": "red",
		"a\tb":                      "a       b",
		"one\ntwo":                  "one\ntwo",
		"\a\r\x00bell\u009b31m":     "bell31m",
		"\x1b]0;title\x07after":     "after",
	} {
		if got := Clean(in); strings.ContainsAny(got, "\x1b\a\r\x00\u009b") || want != got && in != "\a\r\x00bell\u009b31m" {
			t.Errorf("Clean(%q) is %q, not %q", in, got, want)
		}
	}
}

func TestLinesKeepOptionsWhole(t *testing.T) {
	for _, l := range Lines("kubectl exec -it web --namespace shop", 14) {
		if strings.HasSuffix(l, "-") {
			t.Errorf("%q ends in half an option", l)
		}
	}
}

func TestBoxHasItsSize(t *testing.T) {
	b := Box{Border: lipgloss.RoundedBorder(), Title: "A title that is long", Right: "12 of 40", Foot: "3 pods", Ellipsis: "…", Thumb: "┃", Scroll: &Scroll{Offset: 5, Visible: 3, Total: 90}}
	for w := range 40 {
		for h := range 8 {
			got := b.Draw("content\nof some lines\nand more than fits into a small frame", w, h)
			if w < 2 || h < 2 {
				continue
			}
			gw, gh := lipgloss.Size(got)
			if gw != max(w, 4) && w >= 4 || gh != h {
				t.Errorf("%dx%d is %dx%d:\n%s", w, h, gw, gh, got)
			}
		}
	}
}

func TestTableDropsColumnsThatDoNotFit(t *testing.T) {
	table := Table{
		Columns: []Column{{Title: "NAME", Min: 8, Flex: true}, {Title: "STATUS"}, {Title: "NODE", Drop: 1}, {Title: "IP", Drop: 2}},
		Rows:    [][]Cell{{{Text: "web-5b7d9f-x2x4z"}, {Text: "Running"}, {Text: "node-1"}, {Text: "10.244.1.17"}}},
		Cursor:  0, Focused: true, Ellipsis: "…", Marker: ">",
	}
	for w, want := range map[int]string{60: "IP", 40: "NODE", 24: "STATUS"} {
		got := table.Draw(w, 2)
		head, _, _ := strings.Cut(got, "\n")
		if fields := strings.Fields(ansi.Strip(head)); fields[len(fields)-1] != want {
			t.Errorf("at %d the last column is %s, not %s", w, fields[len(fields)-1], want)
		}
		if gw, gh := lipgloss.Size(got); gw != w || gh != 2 {
			t.Errorf("at %d the table has %dx%d", w, gw, gh)
		}
	}
}

func TestListKeepsTheCursorInView(t *testing.T) {
	var l List
	for _, by := range []int{5, 100, -3, -100, 50} {
		l.Move(by, 30)
		l.Clamp(30, 7)
		if l.Cursor < l.Offset || l.Cursor >= l.Offset+7 || l.Offset < 0 || l.Offset > 23 {
			t.Errorf("%+v after %d", l, by)
		}
	}
	l.Clamp(0, 7)
	if l.Cursor != 0 || l.Offset != 0 {
		t.Errorf("%+v of nothing", l)
	}
}

func TestPagerFollowsUntilHeld(t *testing.T) {
	p := Pager{Keep: 100, Follow: true}
	p.SetSize(20, 5)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			p.Append(fmt.Sprintf("line %d", i))
		}
	}
	add(0, 50)
	if !strings.Contains(p.View("…"), "line 49") {
		t.Errorf("the end is not in view:\n%s", p.View("…"))
	}
	p.Scroll(-10)
	held := p.View("…")
	add(50, 60)
	if p.View("…") != held {
		t.Error("the view moves although it is held")
	}
	add(60, 600)
	if p.Len() > 100 || p.Gone == 0 {
		t.Errorf("%d lines kept, %d gone", p.Len(), p.Gone)
	}
	p.End()
	if !p.AtEnd() || !strings.Contains(p.View("…"), "line 599") {
		t.Error("the end is not at the end")
	}
}

func TestPagerWraps(t *testing.T) {
	p := Pager{Wrap: true}
	p.SetSize(10, 4)
	p.Set([]string{"0123456789abcdef", "next"})
	if got := ansi.Strip(p.View("")); !strings.HasPrefix(got, "0123456789\nabcdef    \nnext") {
		t.Errorf("got\n%s", got)
	}
	p.SetWrap(false)
	p.Sideways(10)
	if got := p.View(""); !strings.HasPrefix(got, "abcdef") {
		t.Errorf("got\n%s", got)
	}
}

func TestBar(t *testing.T) {
	none := theme.Ink{}
	for share, want := range map[float64]string{0: "....", 0.01: "#...", 0.5: "##..", 1: "####", 3: "####"} {
		if got := Bar(share, 4, "#", ".", none, none); got != want {
			t.Errorf("Bar(%v) is %s", share, got)
		}
	}
}

func TestCenterIsThatOfLipgloss(t *testing.T) {
	for _, s := range []string{"", "abc", "one\n\x1b[31mand two\x1b[m\n", "日本語", "a\nbb\nccc\ndddd"} {
		for w := range 12 {
			for h := range 7 {
				if got, want := Center(s, w, h), lipgloss.Place(w, h, lipgloss.Center, lipgloss.Center, s); got != want {
					t.Errorf("%q in %dx%d is %q, not %q", s, w, h, got, want)
				}
			}
		}
	}
}
