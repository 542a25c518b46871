package discover

import "testing"

// TestNamesOfArms ensures that the way in which people name their arms is understood, and
// that a canary is never taken for the baseline.
func TestNamesOfArms(t *testing.T) {
	for _, c := range []struct {
		b, c string
		want int
	}{
		{"checkout-primary", "checkout", named}, // Flagger
		{"checkout", "checkout-primary", unlike},
		{"checkout-primary", "checkout-canary", both},
		{"checkout-canary", "checkout-primary", unlike},
		{"checkout", "checkout-canary", named},
		{"checkout-canary", "checkout", unlike},
		{"checkout-primaryupstream", "checkout-canaryupstream", both}, // Gloo
		{"cart_skipper_primary", "cart_skipper_canary", both},
		{"stable", "canary", both},
		{"control", "treatment", both},
		{"^$", "shop-checkout-canary-80", both}, // ingress-nginx
		{"shop-checkout-canary-80", "^$", unlike},
		{"1.4.0", "1.5.0", ordered},
		{"1.10.0", "1.9.0", unlike},
		{"checkout-v2", "checkout-v3", ordered},
		{"checkout-00002", "checkout-00001", unlike},
		{"checkout", "checkout-worker", unlike},
		{"checkout-worker", "checkout-api", guessed},
		{"5b48864f7f", "6cb7cc687d", guessed},
		{`checkout\.primary-[0-9]+`, `checkout\.canary-[0-9]+`, both},
	} {
		if got := likeness(c.b, c.c); got != c.want {
			t.Errorf("baseline %s, canary %s: got %d, want %d", c.b, c.c, got, c.want)
		}
	}
}

func TestPairs(t *testing.T) {
	arm := func(ns, workload string, processes int) candidate {
		return candidate{map[string]string{"Namespace": ns, "Workload": workload}, processes}
	}
	for _, c := range []struct {
		name           string
		all            []candidate
		baseline, want string
		sure           int
	}{
		{"Flagger", []candidate{arm("shop", "a", 1), arm("shop", "a-primary", 3), arm("shop", "a-worker", 9)}, "a-primary", "a", named},
		{"an apex service beside both", []candidate{arm("shop", "a", 9), arm("shop", "a-canary", 1), arm("shop", "a-primary", 3)}, "a-primary", "a-canary", both},
		{"hashes: more processes first", []candidate{arm("shop", "5b48864f7f", 1), arm("shop", "6cb7cc687d", 4)}, "6cb7cc687d", "5b48864f7f", guessed},
		{"three hashes", []candidate{arm("shop", "x1a", 1), arm("shop", "x2b", 4), arm("shop", "x3c", 4)}, "", "", unlike},
		{"two namespaces", []candidate{arm("shop", "a-primary", 1), arm("staging", "a", 1)}, "", "", unlike},
		{"one", []candidate{arm("shop", "a", 1)}, "", "", unlike},
	} {
		got, ok := pair(c.all)
		if ok != (c.want != "") || got.sure != c.sure || got.canary.facts["Workload"] != c.want || got.baseline.facts["Workload"] != c.baseline {
			t.Errorf("%s: got %+v, want %s and %s", c.name, got, c.baseline, c.want)
		}
	}
}

func TestPodPatterns(t *testing.T) {
	for pod, want := range map[string]string{
		"checkout-7d9f8c6b5d-abcde":    `checkout-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`,
		"checkout-v2-7d9f8c6b5d-abcde": `checkout-v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`,
		"checkout-0":                   `checkout-[0-9]+`,
		"checkout-x2b4z":               `checkout-[0-9a-z]{5}`,
		"check.out":                    `check\.out`,
	} {
		if got := podPattern(pod); got != want {
			t.Errorf("%s: got %s, want %s", pod, got, want)
		}
	}
}
