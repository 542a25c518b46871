package plan

import (
	"strconv"
	"strings"
	"testing"
)

// TestPodsNarrowWhereNothingElseDoes: rollouts of a Kubernetes controller know
// their pods, which is enough for a query without a selector.
func TestPodsNarrowWhereNothingElseDoes(t *testing.T) {
	m := Metric{Name: "errors"}
	for _, c := range []struct {
		name string
		arm  Arm
		want string
	}{
		{"labels win", Arm{Labels: map[string]string{"arm": "a"}, PodPattern: "a-.+"}, `arm="a"`},
		{"pods and namespace", Arm{Namespace: "shop", PodPattern: "a-.+"}, `namespace="shop" pod=~"a-.+"`},
		{"pods alone", Arm{PodPattern: "a-.+"}, `pod=~"a-.+"`},
		{"a pattern that matches everything", Arm{Namespace: "shop", PodPattern: ".*"}, "error"},
		{"nothing", Arm{Namespace: "shop"}, "error"},
	} {
		ms, err := m.Matchers(c.arm)
		got := "error"
		if err == nil {
			var parts []string
			for _, x := range ms {
				parts = append(parts, x.Label+string(x.Op)+strconv.Quote(x.Value))
			}
			got = strings.Join(parts, " ")
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
