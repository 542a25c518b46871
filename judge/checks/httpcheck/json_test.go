package httpcheck

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

func TestDifference(t *testing.T) {
	for name, c := range map[string]struct {
		want, got, diff string
	}{
		"equal":                    {`{"a":1}`, `{"a":1}`, ``},
		"more than wanted":         {`{"a":{"b":true}}`, `{"a":{"b":true,"c":1},"d":2}`, ``},
		"nothing wanted":           {`{}`, `{"a":1}`, ``},
		"missing":                  {`{"a":{"b":true}}`, `{"a":{}}`, `$.a.b is missing, want true`},
		"null is not missing":      {`{"a":null}`, `{}`, `$.a is missing, want null`},
		"null":                     {`{"a":null}`, `{"a":null}`, ``},
		"null for a value":         {`{"a":1}`, `{"a":null}`, `$.a is null, want 1`},
		"the first by name":        {`{"b":1,"a":1}`, `{"a":2,"b":2}`, `$.a is 2, want 1`},
		"another type":             {`{"a":"5"}`, `{"a":5}`, `$.a is 5, want "5"`},
		"an object for a value":    {`{"a":"x"}`, `{"a":{"b":1}}`, `$.a is {"b":1}, want "x"`},
		"a value for an object":    {`{"a":{"b":1}}`, `{"a":[]}`, `$.a is [], want {"b":1}`},
		"a value for a list":       {`[1]`, `1`, `$ is 1, want [1]`},
		"lists":                    {`[1,{"a":2}]`, `[1,{"a":2}]`, ``},
		"an element":               {`{"l":[1,2]}`, `{"l":[1,3]}`, `$.l[1] is 3, want 2`},
		"a shorter list":           {`[1,2]`, `[1]`, `$ has 1 elements, want 2`},
		"a longer list":            {`[]`, `[1]`, `$ has 1 elements, want 0`},
		"objects in lists, exact":  {`[{"a":1}]`, `[{"a":1,"b":2}]`, `$[0].b is 2, want no such member`},
		"deeper in lists, exact":   {`[{"a":{}}]`, `[{"a":{"b":2}}]`, `$[0].a.b is 2, want no such member`},
		"a strange key":            {`{"a b\n":1}`, `{"a b\n":2}`, `$["a b\n"] is 2, want 1`},
		"numbers by value":         {`{"a":1.50e1}`, `{"a":15}`, ``},
		"numbers exactly":          {`9007199254740993`, `9007199254740992`, `$ is 9007199254740992, want 9007199254740993`},
		"a long value":             {`"x"`, `"` + strings.Repeat("y", 100) + `"`, `$ is "` + strings.Repeat("y", 59) + `…", want "x"`},
		"HTML":                     {`"x"`, `"<b>&"`, `$ is "<b>&", want "x"`},
		"a token":                  {`{"token":"abc"}`, `{"token":"eyJhbGciOi.x-1.y"}`, `$.token is (hidden), want "abc"`},
		"an object of credentials": {`{"user":"x"}`, `{"user":{"password":"hunter2hunter2"}}`, `$.user is {"password":(hidden)}, want "x"`},
		"a list of them":           {`1`, `{"tokens":["tok-1","tok-2"],"total":2}`, `$ is {"tokens":(hidden),"total":2}, want 1`},
		"below one":                {`1`, `[{"session":{"id":"4","refresh":"zzz98765"}}]`, `$ is [{"session":(hidden)}], want 1`},
		"what looks like one":      {`1`, `{"data":"eyJhbGciOi.x-1.y"}`, `$ is {"data":"(hidden)"}, want 1`},
		"one that was sent":        {`"x"`, `"it was open sesame"`, `$ is "it was (hidden)", want "x"`},
		"no such member, a token":  {`[{}]`, `[{"jwt":"abc"}]`, `$[0].jwt is (hidden), want no such member`},
		"booleans":                 {`true`, `false`, `$ is false, want true`},
	} {
		want, err := fillJSON(json.RawMessage(c.want), checks.Target{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := readJSON([]byte(c.got))
		if err != nil {
			t.Fatal(err)
		}
		if d := (comparison{[]string{"open sesame"}}).difference("$", want, got, false); d != c.diff {
			t.Errorf("%s: got %s, want %s", name, d, c.diff)
		}
	}
}

func TestSameNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"0", "-0", true}, {"0", "0.000e99", true}, {"1", "1.0", true}, {"100", "1e2", true}, {"0.01", "1E-2", true},
		{"1e999999999", "10e999999998", true}, {"1e999999999", "1e999999998", false}, {"-1", "1", false},
		{"1e99999999999999999999", "1e99999999999999999999", true}, {"1e99999999999999999999", "10e99999999999999999998", false},
		{"0.1", "0.1000000000000000055511151231257827", false}, {"12", "120", false},
	} {
		if got := sameNumber(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: got %t, want %t", c.a, c.b, got, c.want)
		}
	}
}

func FuzzSameNumber(f *testing.F) {
	f.Add("1", "1.0")
	f.Add("-0.5e3", "-500")
	f.Add("1e400", "0")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !json.Valid([]byte(a)) || !json.Valid([]byte(b)) || len(a)+len(b) > 40 {
			return
		}
		x, ok := new(big.Rat).SetString(a)
		y, ok2 := new(big.Rat).SetString(b)
		na, oka := parseNumber(a)
		nb, okb := parseNumber(b)
		if !ok || !ok2 || !oka || !okb || max(na.exponent, -na.exponent, nb.exponent, -nb.exponent) > 1000 {
			return
		}
		if got, want := sameNumber(a, b), x.Cmp(y) == 0; got != want {
			t.Errorf("%s and %s: got %t, want %t", a, b, got, want)
		}
	})
}

func FuzzRender(f *testing.F) {
	f.Add("{{ .Canary.URL }}/health", "{{ .Service }}")
	f.Add("http://u:p@h:1/?q", "")
	f.Add("http://[::1", "{{ index .Canary.Labels \"x\" }}")
	f.Fuzz(func(t *testing.T, u, body string) {
		p, err := New(Config{}).Prepare(checks.HTTP{URL: u, Body: body, JSON: []any{body}}, checks.Target{Canary: checks.Arm{URL: "http://c"}})
		if err == nil && (p.url.Hostname() == "" || p.name != checks.Line(p.name, 200) || !p.hasJSON) {
			t.Errorf("got %+v", p)
		}
	})
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "under 0.1 ms", 40 * time.Microsecond: "under 0.1 ms", 450 * time.Microsecond: "0.5 ms", 12 * time.Millisecond: "12 ms",
		999 * time.Millisecond: "999 ms", 1250 * time.Millisecond: "1.25 s", 2 * time.Second: "2 s", 90 * time.Second: "90 s",
	} {
		if got := checks.Took(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
