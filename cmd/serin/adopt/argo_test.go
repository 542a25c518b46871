package adopt

import (
	"fmt"
	"strings"
	"testing"
)

func TestConditions(t *testing.T) {
	const more = "it is more than a comparison of one value with numbers"
	for _, tt := range []struct{ success, failure, want string }{
		{"", "", "[]"},
		{"result[0] >= 0.95", "", "[not below 0.95]"},
		{"result[0] > 0.95", "", "[not below 0.95]"},
		{"0.95 <= result[0]", "", "[not below 0.95]"},
		{"result < 5", "", "[not above 5]"},
		{"(result[0]) <= 5", "", "[not above 5]"},
		{"", "result[0] >= 10", "[not above 10]"},
		{"", "result[0] < 0.5", "[not below 0.5]"},
		{"result[0] >= 0.95", "result[0] < 0.9", "[not below 0.9]"}, // failure wins
		{"asFloat(result[0]) < 1e3", "", "[not above 1000]"},
		{"default(result, 0) < 0.05", "", "[not above 0.05]"},
		{"result > -1", "", "[not below -1]"},
		{"result[0] >= 1 && result[0] <= 2", "", "[not below 1 not above 2]"},
		{"result[0] >= 1 and result[0] <= 2", "", "[not below 1 not above 2]"},
		{"", "result[0] < 1 || result[0] > 2", "[not below 1 not above 2]"},
		{"!(result[0] > 5)", "", "[not above 5]"},
		{"not (result[0] > 5)", "", "[not above 5]"},
		{"", "!(result[0] >= 1 && result[0] <= 2)", "[not below 1 not above 2]"},
		// Missing data is left out.
		{"len(result) == 0 || result[0] >= 0.95", "", "[not below 0.95] absent"},
		{"len(result) > 0 && result[0] >= 0.95", "", "[not below 0.95] absent"},
		{"isNaN(result) || result >= 0.95", "", "[not below 0.95] absent"},
		{"!isNil(result) && result < 75", "", "[not above 75] absent"},
		{"result == nil || result < 75", "", "[not above 75] absent"},
		{"", "isNaN(result) || isInf(result)", "[] absent"},
		// What is more than that is quoted, not guessed.
		{"result[0] < 1 || result[0] > 2", "", "it asks for two things at once"},
		{"", "result[0] > 1 && result[0] < 2", "it asks for two things at once"},
		{"result == 5", "", "its operator == is none of < <= > >="},
		{"result[1] >= 0.95", "", "it compares something other than the query's one value"},
		{"result[0] / result[1] >= 0.95", "", "it compares something other than the query's one value"},
		{"result.ok && result.percent >= 0.9", "", more},
		{"all(result, # < 1000)", "", more},
		{"result", "", more},
		{"result[0] >= limit", "", "it compares with something other than a number"},
		{"result startsWith \"pass\"", "", more},
		{"{{args.x}} < 1", "", more},
	} {
		bounds, absent, err := conditions(tt.success, tt.failure)
		var words []string
		for _, b := range bounds {
			words = append(words, b.words())
		}
		got := fmt.Sprint(words)
		if absent {
			got += " absent"
		}
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("success %q, failure %q: got %s, want %s", tt.success, tt.failure, got, tt.want)
		}
	}
}

// TestArguments ensures that an argument without a value is left out only where the arm
// says as much itself, and is never guessed elsewhere.
func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		query, want, selector string
		args                  map[string]string
	}{
		{`foo{service="{{args.service-name}}"}`, `foo`, ``, nil},
		{`foo{service="{{args.service-name}}"}`, `foo{service="web"}`, ``, map[string]string{"service-name": "web"}},
		{`foo{path="{{args.path}}"}`, `off: its argument path has no value`, ``, nil},
		{`foo{path="{{args.path}}"}`, `foo{path="/x"}`, ``, map[string]string{"path": "/x"}},
		{`foo{ns="{{args.namespace}}",hash="{{args.latest-hash}}"}`, `foo`, `ns="{{ .Namespace }}", hash="{{ .Hash }}"`, nil},
		{`foo{hash="{{ args.canary-hash }}"} / foo{hash="{{ args.stable-hash }}"}`, `off: it compares the arms itself`, ``, nil},
		{`foo{a="{{args.api-token}}"}`, `off: it needs the argument api-token, which may be a credential`, ``, nil},
		{`foo{a="{{args.x"}`, `off: its template does more than fill in names`, ``, nil},
	} {
		d := &rolloutDraft{draft: &draft{}, a: argo{options: Options{Args: tt.args}}, seen: map[string]bool{}}
		q, err := d.ask(d.arguments(nil, nil), tt.query)
		got := q.reading.Query.Expr
		if err != nil {
			got = "off: " + err.Error()
		}
		if !strings.HasPrefix(got, tt.want) || q.selector != tt.selector {
			t.Errorf("%s:\ngot  %s with %s\nwant %s with %s", tt.query, got, q.selector, tt.want, tt.selector)
		}
	}
}
