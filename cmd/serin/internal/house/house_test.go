package house

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// rule is one rule of the house.
type rule struct {
	name string
	// advice says what to do about a fault.
	advice string
	find   func(*tree) []fault
	// except holds the reason of each exception by the fault's key.
	except map[string]string
}

// rules returns every rule of the house.
func rules() []rule {
	var rs []rule
	rs = append(rs, importRules()...)
	rs = append(rs, layoutRules()...)
	rs = append(rs, commentRules()...)
	rs = append(rs, stateRules()...)
	rs = append(rs, sizeRules()...)
	rs = append(rs, wordRules()...)
	rs = append(rs, documentRules()...)
	rs = append(rs, exampleRules()...)
	return rs
}

// TestHouse holds the project to its rules. Each subtest reports everything that
// breaks its rule at once.
func TestHouse(t *testing.T) {
	root := findRoot(t)
	project, err := newTree(os.DirFS(root), ownPaths(t, root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range project.broken {
		t.Errorf("%s: %s", f.at, f.text)
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			left, stale := judgeRule(r, &project)
			for _, f := range left {
				t.Errorf("%s: %s", f.at, f.text)
			}
			if len(left) > 0 {
				t.Logf("%d faults; %s", len(left), r.advice)
			}
			for _, key := range stale {
				t.Errorf("the exception for %q is needed no more: take it out", key)
			}
		})
	}
}

// judgeRule returns the faults without an exception, and the exceptions without a
// fault.
func judgeRule(r rule, project *tree) (left []fault, stale []string) {
	used := map[string]bool{}
	for _, f := range r.find(project) {
		if _, ok := r.except[f.key]; ok {
			used[f.key] = true
			continue
		}
		left = append(left, f)
	}
	for key := range r.except {
		if !used[key] {
			stale = append(stale, key)
		}
	}
	slices.SortStableFunc(left, func(a, b fault) int { return strings.Compare(a.at, b.at) })
	slices.Sort(stale)
	return left, stale
}

// TestExceptionsHaveReasons keeps lists of exceptions from becoming lists of names.
func TestExceptionsHaveReasons(t *testing.T) {
	for _, r := range rules() {
		for key, why := range r.except {
			if len(strings.Fields(why)) < 4 {
				t.Errorf("%s: the exception for %q gives no reason: %q", r.name, key, why)
			}
		}
	}
}

// bite is a small bad (or good) tree and what one rule says of it.
type bite struct {
	name string
	rule string
	file map[string]string
	want []string // each a part of one fault, in order; none: no fault
}

// TestRulesBite proves that each rule can fail: a rule that never fires is no rule.
func TestRulesBite(t *testing.T) {
	byName, bitten := map[string]rule{}, map[string]bool{}
	for _, r := range rules() {
		byName[r.name] = r
	}
	for _, b := range slices.Concat(importBites(), treeBites(), codeBites(), wordBites(), documentBites(), exampleBites()) {
		t.Run(b.rule+"/"+b.name, func(t *testing.T) {
			r, ok := byName[b.rule]
			if !ok {
				t.Fatalf("no rule is called %q", b.rule)
			}
			r.except = nil
			left, _ := judgeRule(r, sketch(t, b.file))
			bitten[b.rule] = bitten[b.rule] || len(b.want) > 0
			compareFaults(t, left, b.want)
		})
	}
	for name := range byName {
		if !bitten[name] {
			t.Errorf("nothing here shows that the rule %q can fail", name)
		}
	}
}

func compareFaults(t *testing.T, got []fault, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d faults, want %d", len(got), len(want))
	}
	for i, f := range got {
		if i >= len(want) || !strings.Contains(f.at+": "+f.text, want[i]) {
			t.Errorf("got fault %q, want %q", f.at+": "+f.text, want[min(i, len(want)):])
		}
	}
}

// TestStaleException shows that an exception is noticed when nothing needs it.
func TestStaleException(t *testing.T) {
	r := rule{
		find:   func(*tree) []fault { return []fault{{key: "a", at: "a:1", text: "bad"}} },
		except: map[string]string{"a": "kept for the sake of an example", "b": "was needed once, long ago"},
	}
	left, stale := judgeRule(r, sketch(t, nil))
	if len(left) != 0 || !slices.Equal(stale, []string{"b"}) {
		t.Errorf("got faults %v and stale exceptions %q, want none and [b]", left, stale)
	}
}

// sketch makes a tree out of texts.
func sketch(t *testing.T, texts map[string]string) *tree {
	t.Helper()
	m, ps := fstest.MapFS{}, []string{}
	for p, text := range texts {
		m[p] = &fstest.MapFile{Data: []byte(text)}
		ps = append(ps, p)
	}
	slices.Sort(ps)
	got, err := newTree(m, ps)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.broken {
		t.Errorf("%s: %s", f.at, f.text)
	}
	return &got
}
