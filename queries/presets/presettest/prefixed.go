package presettest

import (
	"slices"
	"strings"
)

// Prefixed returns, of a proof whose arms are services called NAME-primary and
// NAME-canary, one of another service whose baseline is called NAME alone: how the
// canary's name begins. A pattern that lets anything follow the name counts the canary
// within the baseline. It is false of proofs whose arms have other names.
func Prefixed(p Proof) (Proof, bool) {
	rename := strings.NewReplacer("cart", "pay", "search", "find", "-primaryupstream", "", "-canaryupstream", "-canary", "-primary", "", "_primary", "").Replace
	arms := map[string]any{}
	changed := false
	for name, facts := range p.Arms {
		arm := map[string]any{}
		for fact, v := range facts.(map[string]any) {
			labels, ok := v.(map[string]any)
			if !ok {
				arm[fact] = v
				continue
			}
			renamed := map[string]any{}
			for k, text := range labels {
				renamed[k] = rename(text.(string))
				changed = changed || strings.Contains(text.(string), "primary")
			}
			arm[fact] = renamed
		}
		arms[name] = arm
	}
	out := p
	out.Service, out.Arms, out.Targets = rename(p.Service), arms, nil
	for _, t := range p.Targets {
		t.Common = rename(t.Common)
		if !slices.ContainsFunc(out.Targets, func(o Target) bool { return o.Common == t.Common }) { // a service without an ending is the baseline now
			out.Targets = append(out.Targets, t)
		}
	}
	return out, changed
}
