package judge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestHealthyCanaryIsPromoted(t *testing.T) {
	w := newWorld(1)
	for closed := 0; closed <= 40; closed++ {
		v := Evaluate(w.input(closed))
		if v.Outcome == Rollback {
			t.Fatalf("after %d blocks: a healthy canary is rolled back: %s", closed, v.Reason)
		}
		if v.Outcome == Promote {
			if closed < 13 {
				t.Fatalf("promoted after %d blocks: before warm-up and ten paired blocks were over", closed)
			}
			return
		}
	}
	v := Evaluate(w.input(40))
	t.Fatalf("not promoted after 40 blocks: %s", v.Reason)
}

func TestBadCanaryIsRolledBack(t *testing.T) {
	cases := []struct {
		name   string
		change func(*world)
		blame  string
		within int // blocks
	}{
		{"errors +2 pp", func(w *world) { w.errors = canaryOnly(0.022, 0.002) }, "errors", 8},
		{"latency × 1.5", func(w *world) { w.slow = canaryOnly(1.5, 1) }, "latency", 8},
		{"tail: 2 % ten times slower", func(w *world) { w.tail = canaryOnly(0.02, 0) }, "latency", 10},
		{"errors from block 30 on", func(w *world) {
			w.errors = func(s side, t int) float64 {
				if s == canary && t >= 30 {
					return 0.022
				}
				return 0.002
			}
		}, "errors", 36},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(2)
			c.change(&w)
			v := Evaluate(w.input(c.within))
			if v.Outcome != Rollback || !v.RollBack.Yes || !v.Proven {
				t.Fatalf("after %d blocks: got %v (%s), want rollback", c.within, v.Outcome, v.Reason)
			}
			if !slices.Contains(v.Latched.Metrics, c.blame) {
				t.Errorf("blamed %v, want %s", v.Latched.Metrics, c.blame)
			}
			if !strings.Contains(v.Reason, c.blame) {
				t.Errorf("the reason does not name %s: %s", c.blame, v.Reason)
			}
			if v.Promotion.Yes || v.Advance.Yes {
				t.Errorf("promotion %+v, advance %+v: want neither", v.Promotion, v.Advance)
			}
		})
	}
}

// TestRollbackLatchesAtTheFirstCrossing holds that the crossing prefix is found
// whether anybody asked then or not, and that later good blocks do not undo it.
func TestRollbackLatchesAtTheFirstCrossing(t *testing.T) {
	w := newWorld(3)
	w.errors = func(s side, t int) float64 {
		if s == canary && t >= 5 && t < 12 {
			return 0.03
		}
		return 0.002
	}
	first := -1
	for closed := 1; closed <= 30; closed++ {
		if v := Evaluate(w.input(closed)); v.Outcome == Rollback {
			first = v.Latched.Block
			break
		}
	}
	late := Evaluate(w.input(60))
	if first < 0 || late.Outcome != Rollback {
		t.Fatalf("first crossing %d, outcome at block 60 %v: want a rollback", first, late.Outcome)
	}
	if late.Latched.Block != first {
		t.Errorf("asked once at the end the crossing is block %d, asked every block it is %d", late.Latched.Block, first)
	}
}

func TestVerdictIsByteIdentical(t *testing.T) {
	w := newWorld(4)
	one, err := json.Marshal(Evaluate(w.input(20)))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(w.input(20))
	if err != nil {
		t.Fatal(err)
	}
	var replayed Input
	if err := json.Unmarshal(raw, &replayed); err != nil {
		t.Fatal(err)
	}
	two, err := json.Marshal(Evaluate(replayed))
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(two) {
		t.Errorf("a replay from JSON differs:\n got %s\nwant %s", two, one)
	}
}
