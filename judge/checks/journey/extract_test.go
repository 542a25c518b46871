package journey

import (
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

// TestWhatIsHidden is the table of values that look like credentials.
func TestWhatIsHidden(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		x    checks.Extract
		v    string
		want bool
	}{
		"a token by its name":        {checks.Extract{As: "token", JSON: "$.x"}, "abcdef", true},
		"a token by its place":       {checks.Extract{As: "t", JSON: "$.access_token"}, "abcdef", true},
		"a token by its header":      {checks.Extract{As: "t", Header: "Authorization"}, "abcdef", true},
		"a one-time code":            {checks.Extract{As: "otp", JSON: "$.x"}, "123456", true},
		"a truth by such a name":     {checks.Extract{As: "authorized", JSON: "$.authorized"}, "true", false},
		"a cookie":                   {checks.Extract{As: "c", Cookie: "c"}, "abcdef", true},
		"a JWT":                      {checks.Extract{As: "x", Regex: "."}, "eyJhbGciOiJIUzI1NiJ9.e30.abc", true},
		"a long number with letters": {checks.Extract{As: "x", JSON: "$.x"}, "7f3a9b2c4d5e6f708192", true},
		"a number of an order":       {checks.Extract{As: "order", JSON: "$.id"}, "o-4711", false},
		"words":                      {checks.Extract{As: "x", JSON: "$.title"}, "twenty words and 1 more", false},
		"said to be one":             {checks.Extract{As: "order", JSON: "$.id", Secret: &yes}, "o-4711", true},
		"said to be none":            {checks.Extract{As: "token", JSON: "$.token", Secret: &no}, "7f3a9b2c4d5e6f708192", false},
	} {
		if got := hides(c.x, c.v); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}
