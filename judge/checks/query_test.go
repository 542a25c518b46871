package checks_test

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

// TestFactsInQueries ensures that no fact ends the text that it stands in.
func TestFactsInQueries(t *testing.T) {
	for _, c := range []struct{ fact, want string }{
		{"shop-canary", `up{pod=~"shop-canary.*"}`},
		{"http://10.0.0.1:8080/a_b?c=d&e=f,g#h", `up{pod=~"http://10.0.0.1:8080/a_b?c=d&e=f,g#h.*"}`},
		{`x"} or vector(1) #`, ""}, {`x\`, ""}, {"x`", ""}, {"x|.", ""}, {".*", ""}, {"(a)", ""}, {"a\nb", ""}, {"ü", ""}, {"\uffff", ""},
	} {
		for name, target := range map[string]checks.Target{
			".Arm.Workload": {Arm: checks.Arm{Workload: c.fact}}, ".Service": {Service: c.fact},
			".Canary.Labels.a": {Canary: checks.Arm{Labels: map[string]string{"a": c.fact}}},
			".Values.a":        {Values: map[string]string{"a": c.fact}},
		} {
			got, err := checks.FillQuery("query", `up{pod=~"{{ `+name+` }}.*"}`, target)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s %q: got %q, %v, want %q", name, c.fact, got, err, c.want)
			}
			if target.Canary.Labels["a"] != "" && target.Canary.Labels["a"] != c.fact || target.Values["a"] != "" && target.Values["a"] != c.fact {
				t.Errorf("%s %q: the target was changed", name, c.fact)
			}
		}
	}
	if got, err := checks.FillQuery("query", `up{a="b\"c"}`, checks.Target{Service: "`"}); err != nil || !strings.Contains(got, `\"`) {
		t.Errorf("got %q, %v, want a fact that is not named to be no fault", got, err)
	}
}
