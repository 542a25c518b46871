package discover

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How sure a pair of arms is, from what their names say.
const (
	unlike  = iota // no pair
	guessed        // two of them, and nothing says which is which
	ordered        // versions or numbers, the lower one first
	named          // one of the names says what it is: checkout-primary and checkout
	both           // both say so: stable and canary
)

// pairOf is a baseline and a canary among candidates.
type pairOf struct {
	baseline, canary candidate
	sure             int
}

// pair chooses the baseline and the canary: of the pairs that differ in one fact alone, the
// one whose names say most.
func pair(all []candidate) (pairOf, bool) {
	var best pairOf
	for _, b := range all {
		for _, c := range all {
			one, other, ok := difference(b, c)
			if !ok {
				continue
			}
			sure := likeness(one, other)
			if sure == guessed && (beside(all, b) != 2 || b.processes < c.processes || b.processes == c.processes && one > other) {
				sure = unlike
			}
			if sure > best.sure {
				best = pairOf{b, c, sure}
			}
		}
	}
	return best, best.sure > unlike
}

// beside counts the candidates of one namespace.
func beside(all []candidate, b candidate) (n int) {
	for _, c := range all {
		if c.facts["Namespace"] == b.facts["Namespace"] {
			n++
		}
	}
	return n
}

// difference returns the one fact in which two candidates differ.
func difference(b, c candidate) (one, other string, ok bool) {
	n := 0
	for fact, v := range b.facts {
		if w := c.facts[fact]; w != v {
			n++
			one, other = v, w
			if fact == "Namespace" {
				n++ // another namespace is another installation
			}
		}
	}
	return one, other, n == 1
}

// words of the two arms, in the names that people give to them.
func baselineWords() []string {
	return []string{"primary", "stable", "baseline", "control", "old", "prod", "production", "base"}
}

func canaryWords() []string {
	return []string{"canary", "preview", "experiment", "treatment", "candidate", "new", "next"}
}

// likeness says how surely the first is a baseline and the second its canary.
func likeness(b, c string) int {
	if b == "^$" {
		return both
	}
	if c == "^$" {
		return unlike
	}
	x, y := apart(b, c)
	is := func(words, of []string) bool { return len(of) == 1 && slices.Contains(words, of[0]) }
	switch {
	case is(baselineWords(), x) && is(canaryWords(), y):
		return both
	case is(baselineWords(), x) && len(y) == 0, len(x) == 0 && is(canaryWords(), y):
		return named
	case is(canaryWords(), x) || is(baselineWords(), y):
		return unlike
	case less(x, y):
		return ordered
	case less(y, x) || len(x) == 0 || len(y) == 0:
		return unlike
	}
	return guessed
}

// apart cuts two names into words and drops those that they have in common at both ends.
func apart(b, c string) (x, y []string) {
	cut := func(s string) []string {
		s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, ""), "upstream", "")
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("-_./:", r) })
	}
	x, y = cut(b), cut(c)
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return x, y
}

// less reports whether both are numbers, as versions are written, and the first is the
// lower one.
func less(x, y []string) bool {
	a, okA := version(x)
	b, okB := version(y)
	return okA && okB && slices.Compare(a, b) < 0
}

func version(words []string) (out []int, ok bool) {
	for _, w := range words {
		m := regexp.MustCompile(`^v?([0-9]{1,9})$`).FindStringSubmatch(w)
		if m == nil {
			return nil, false
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, false
		}
		out = append(out, n)
	}
	return out, len(out) > 0
}
