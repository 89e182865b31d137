package theme

import (
	"image/color"
	"strings"
	"testing"
)

func TestOwnTheme(t *testing.T) {
	o, err := Read("sea.yaml", "sea", []byte("accent: '#010203'\nbase: light\nbad: 9\ntext: ''\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, light := o.New(true, false), New(Light, true, false)
	if got.Name != "sea" || got.IsDark {
		t.Errorf("%s, dark: %t", got.Name, got.IsDark)
	}
	if r, g, b, _ := got.Tone(Accent).Colour().RGBA(); r>>8 != 1 || g>>8 != 2 || b>>8 != 3 {
		t.Errorf("the accent is %d %d %d", r>>8, g>>8, b>>8)
	}
	same := func(a, b color.Color) bool {
		ar, ag, ab, _ := a.RGBA()
		br, bg, bb, _ := b.RGBA()
		return ar == br && ag == bg && ab == bb
	}
	if !same(got.Tone(OK).Colour(), light.Tone(OK).Colour()) {
		t.Error("what is not said is not that of the base")
	}
	if n := len(o.palette.fields()); n != len(Colours()) {
		t.Errorf("%d colours are told, there are %d", len(Colours()), n)
	}
	for _, name := range Colours() {
		if _, err := Read("f", "n", []byte(name+": '#ffffff'")); err != nil {
			t.Error(err)
		}
	}
}

func TestMistakesInAThemeAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"base: pink":                         `sea.yaml:1: there is no theme "pink"`,
		"text: '#fff'\nacent: '#fff'":        `sea.yaml:2: there is no colour "acent"`,
		"text: red":                          `sea.yaml:1: "red" is no colour`,
		"text: 256":                          "is no colour",
		"text: '#fff'\nbad: 1\ntext: '#000'": `sea.yaml:3: "text" is there twice`,
		"- a":                                "names and colours",
		"":                                   "names and colours",
		"a: [":                               "sea.yaml: ",
	} {
		if _, err := Read("sea.yaml", "sea", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Read("sea.yaml", "sea", []byte("text: red\nbad: blue")); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not all is told: %v", err)
	}
}
