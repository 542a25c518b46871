package checks_test

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

func TestWordsOfKinds(t *testing.T) {
	of := checks.Answer{Code: "NOT_FOUND", Value: 2, Values: []float64{2, 3}, Body: "hi", NoJSON: "it is empty"}
	for _, c := range []struct {
		words      checks.Words
		text, want string
	}{
		{checks.OfGRPC, `code == "NOT_FOUND"`, ""},
		{checks.OfGRPC, `code == "OK"`, `does not hold: code is "NOT_FOUND"`},
		{checks.OfGRPC, `json.a == 1`, "the body is no JSON: it is empty"},
		{checks.OfMessage, `body == "hi"`, ""},
		{checks.OfQuery, `value > 1 && count == 2 && values[1] == 3`, ""},
		{checks.OfQuery, `all(values, # > 2)`, "does not hold: values is [2,3]"},
		{checks.OfQuery, `sum(values) > 5 || len(filter(values, # > 2)) > 1`, "does not hold: values is [2,3]"},
		{checks.OfQuery, `count > 2`, "does not hold: count is 2"},
		{checks.OfQuery, `value > 2`, "does not hold: value is 2"},
		{checks.OfQuery, `values[2] > 2`, "values has no element 2; it has 2"},
	} {
		a, err := c.words.Compile(c.text)
		if err != nil {
			t.Errorf("%s: got %v, want none", c.text, err)
			continue
		}
		if got := a.Check(t.Context(), of); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
	for _, c := range []struct {
		words      checks.Words
		text, want string
	}{
		{checks.OfHTTP, `value > 1`, "speaks of status, headers, body, json, latency, tls and proto"},
		{checks.OfGRPC, `status == 200`, "speaks of code, json and latency"},
		{checks.OfMessage, `code == "OK"`, "speaks of body, json and latency"},
		{checks.OfQuery, `body == ""`, "speaks of value, values and count"},
		{checks.OfQuery, `value == "x"`, "mismatched types"},
	} {
		if _, err := c.words.Compile(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.text, err, c.want)
		}
	}
}
