package webhooks

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/serin-canary/serin/queries"
)

func example(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../examples/kayenta/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The examples that users copy are taken, and what they ask is what they mean.
func TestKayentaExamples(t *testing.T) {
	w, g := kayentaWorld(t)
	g.by = nil
	w.clock.add(kayentaLag) // the example ends at noon
	run := w.begin("/kayenta/canary/"+w.keep(example(t, "canary-config.json"))+"?application=checkout", example(t, "execution.json"))
	if m := w.stands(run); m["complete"] != true || field(m, "result.judgeResult.score.classification") != "Marginal" {
		t.Errorf("got %v, want it judged, and marginal without data", m)
	}
	for _, q := range g.questions() {
		if err := queries.Bound(q, queries.Allowance{}); err != nil || !strings.Contains(q, `pod=~"checkout-`) {
			t.Errorf("got %s, error %v; want it bounded and narrowed to an arm", q, err)
		}
	}
	if n := len(g.questions()); n != 10 {
		t.Errorf("got %d questions, want two for each arm of a whole expression and one of an average", n)
	}
	m := noNulls(t, w.want(w.do("POST", "/kayenta/judge", example(t, "remote-judge.json")), 200)).object(t)
	if got := fmt.Sprintf("%v %v", m["judgeName"], field(m, "score.score")); got != "serin 0" {
		t.Errorf("got %s, want the canary failed by serin", got)
	}
}
