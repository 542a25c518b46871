package queries

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBound(t *testing.T) {
	long := strings.Repeat("a", 513)
	for expr, want := range map[string]string{
		`sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))`: "",
		`histogram_quantile(0.99, sum by (le) (rate(d_bucket[5m])))`:                           "",
		`max_over_time(rate(a[1m])[30m:1m])`:                                                   "",
		`a offset 1w`:                                                                          "",
		`vector(1)`:                                                                            "",
		`{__name__="a"}`:                                                                       "",
		`rate(a[6h])`:                                                                          "",
		`rate(a[361m])`:                                                                        "1:6: it looks back over 6h1m0s, and 6h0m0s are allowed",
		`a + rate(b[200y])`:                                                                    "it looks back over",
		`max_over_time(rate(a[10m])[6h:1m])`:                                                   "1:20: it looks back over 6h10m0s",
		`max_over_time(a[1h:1s])`:                                                              "1:15: the subquery is evaluated 3600 times, and 1000 are allowed",
		`max_over_time(max_over_time(a[40m:1m])[40m:1m])`:                                      "evaluated 1600 times",
		`max_over_time(a[1h:])`:                                                                "leaves its step to the server",
		`max_over_time(a[1h:1m] offset 30d)`:                                                   "the offset 720h0m0s is more than",
		`a offset 9d`:                                                                          "1:1: the offset 216h0m0s",
		`a offset -9d`:                                                                         "the offset -216h0m0s",
		`a @ 1700000000`:                                                                       "a fixed time (@)",
		`{job="a"}`:                                                                            "1:1: the selector does not name its metric",
		`{__name__=~".*"}`:                                                                     "not PromQL",
		`{__name__=~".+"}`:                                                                     "does not name its metric",
		`count({__name__!=""})`:                                                                "does not name its metric",
		`a{b=~"` + long + `"}`:                                                                 "the pattern of b has 513 bytes",
		`a{b!~"` + long + `"}`:                                                                 "the pattern of b has 513 bytes",
		strings.Repeat("a+", 16) + "a":                                                         "the query selects more than 16 times",
		"a" + strings.Repeat(" ", 4096):                                                        "the query has 4097 bytes",
		`sum(`:                                                                                 "unclosed",
		"":                                                                                     "no expression",
	} {
		err := Bound(expr, Allowance{})
		var syntax *SyntaxError
		switch {
		case want == "" && err == nil, want == "not PromQL" && err != nil:
		case err == nil || want == "" || !strings.Contains(fmt.Sprint(err), want) || !errors.As(err, &syntax):
			t.Errorf("%.60s: got %v, want %q", expr, err, want)
		}
	}
	if err := Bound("rate(a[10m])", Allowance{Range: time.Minute}); err == nil {
		t.Error("got no error, want the caller's own bound to count")
	}
}

// FuzzBound holds that what passes is within the bounds as another walk sees it,
// whatever its text.
func FuzzBound(f *testing.F) {
	for _, s := range []string{"sum(rate(a[5m]))", "max_over_time(a[1h:1m])", `{__name__=~".+"}`, "a @ end()", "a[5m:]", "(((a))) offset 5m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		err := Bound(expr, Allowance{})
		var syntax *SyntaxError
		if err != nil {
			if !errors.As(err, &syntax) {
				t.Fatalf("%q: got %T, want a SyntaxError", expr, err)
			}
			return
		}
		e, perr := ParsePromQL(expr)
		if perr != nil {
			t.Fatalf("%q: passes and does not parse: %v", expr, perr)
		}
		// What was printed from the tree is the same query, and passes too where it is
		// not longer than allowed.
		if text := e.String(); len(text) <= 4096 {
			if again := Bound(text, Allowance{}); again != nil {
				t.Errorf("%q passes and %q does not: %v", expr, text, again)
			}
		}
	})
}
