package corefile

import (
	"strings"
	"testing"
)

const plain = ".:53 {\n    errors\n    ready\n}\n"

func skewed(t *testing.T, text string, names ...string) string {
	t.Helper()
	for _, name := range names {
		changed, err := With(text, name, "template ANY ANY "+name+" {\n   rcode NXDOMAIN\n}")
		if err != nil {
			t.Fatal(err)
		}
		text = changed
	}
	return text
}

func TestRulesGoWithoutTrace(t *testing.T) {
	changed := skewed(t, plain, "web.shop.svc.cluster.local", "example.com")
	if !strings.Contains(changed, "template ANY ANY example.com {\n       rcode NXDOMAIN\n    }") {
		t.Errorf("changed to:\n%s", changed)
	}
	if healed := Without(Without(changed, "web.shop.svc.cluster.local"), "example.com"); healed != plain {
		t.Errorf("healed:\n%s", healed)
	}
	if _, err := With("example.org:53 {\n}\n", "web", ""); err == nil {
		t.Error("a Corefile without a block for all names was changed")
	}
}

func TestOnlyTheRulesOfNowAreKept(t *testing.T) {
	edited := strings.Replace(plain, "errors", "log", 1)
	for what, test := range map[string]struct{ then, now, want string }{
		"none":           {edited, plain, edited},
		"healed since":   {skewed(t, edited, "a"), plain, edited},
		"injected since": {edited, skewed(t, plain, "a"), skewed(t, edited, "a")},
		"others":         {skewed(t, edited, "a", "b"), skewed(t, plain, "b", "c"), skewed(t, edited, "b", "c")},
		"no place":       {"a.org:53 {\n}\n", skewed(t, plain, "a"), "a.org:53 {\n}\n"},
		"cut off":        {begin + "a\n" + edited, plain, begin + "a\n" + edited},
	} {
		if got := Keep(test.then, test.now); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", what, got, test.want)
		}
	}
}
