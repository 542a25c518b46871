package checks_test

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

func TestLogSelector(t *testing.T) {
	for query, want := range map[string]string{
		`{app="shop"} |= "error"`:           `{app="shop"}`,
		" {a=\"}\", b=`\\`} | json":         "{a=\"}\", b=`\\`}",
		`{a="\"}"}`:                         `{a="\"}"}`,
		`sum(count_over_time({a="b"}[1m]))`: "", `{}`: "", `{ } |= "x"`: "", `{a="b"`: "", `{a="b}`: "", `{{a="b"}`: "", ``: "",
	} {
		if got := checks.LogSelector(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func FuzzLogSelector(f *testing.F) {
	f.Add(`{app="shop"} |= "error"`)
	f.Add("{a=`}`")
	f.Fuzz(func(t *testing.T, query string) {
		if got := checks.LogSelector(query); got != "" && (!strings.Contains(query, got) || got[0] != '{' || got[len(got)-1] != '}' || checks.LogSelector(got) != got) {
			t.Errorf("%q: got %q, want the selector that it begins with", query, got)
		}
	})
}
