package checks

import (
	"errors"
	"maps"
	"strings"
)

// foreign stands for a fact that must not stand in a query.
const foreign = "\uffff"

// FillQuery renders the template of a query to a store. Facts come from callers: one
// with a character that could end a text in the query, or begin an expression, is an
// error where the query names it.
func FillQuery(name, text string, t Target) (string, error) {
	for _, fact := range []*string{&t.Service, &t.Namespace, &t.Revision} {
		*fact = plainFact(*fact)
	}
	for _, arm := range []*Arm{&t.Canary, &t.Baseline, &t.Arm} {
		for _, fact := range []*string{&arm.URL, &arm.Workload, &arm.Namespace, &arm.Version} {
			*fact = plainFact(*fact)
		}
		arm.Labels = plainFacts(arm.Labels)
	}
	t.Values = plainFacts(t.Values)
	out, err := Fill(name, text, t)
	if err == nil && strings.Contains(out, foreign) {
		return "", errors.New("its " + name + " names a fact with characters that may not stand in a query; letters, digits and _ . : / @ % + = ~ ? & , - # may")
	}
	return out, err
}

func plainFacts(facts map[string]string) map[string]string {
	out := maps.Clone(facts)
	for k, v := range out {
		out[k] = plainFact(v)
	}
	return out
}

func plainFact(s string) string {
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("_.:/@%+=~?&,-#", r) {
			return foreign
		}
	}
	return s
}
