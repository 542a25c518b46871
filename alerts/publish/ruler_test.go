package publish_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/serin-canary/serin/alerts/publish"
)

func mimir(t *testing.T) (*ruler, *publish.Ruler) {
	t.Helper()
	f, url := newRuler(t)
	s := server(url)
	s.Headers = map[string]string{"X-Scope-OrgID": "shop"}
	p, err := publish.NewRuler(s, "/prometheus/")
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

// theirs is a group that somebody else wrote.
func theirs(title string) map[string]any {
	return map[string]any{"name": title, "rules": []any{map[string]any{"alert": "Mine", "expr": "up == 0", "labels": map[string]string{"severity": "page"}}}}
}

// A group goes into a namespace of its own in one call, and away again; nothing of
// others is touched.
func TestRuler(t *testing.T) {
	f, p := mimir(t)
	s := some(t)
	if got, err := p.Owned(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("a tenant without rules: got %v, %v", got, err)
	}
	f.rules["team"] = map[string]map[string]any{"team": theirs("team")}
	f.rules[name] = map[string]map[string]any{"extra": theirs("extra")}
	f.rules["serin-qrstuvwxyz234567"] = map[string]map[string]any{"serin-qrstuvwxyz234567": theirs("serin-qrstuvwxyz234567")}
	for range 2 { // what is done twice is as if it were done once
		if err := p.Publish(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	got := f.rules[name][name]
	plain, err := s.Inlined()
	if err != nil {
		t.Fatal(err)
	}
	if rules, _ := got["rules"].([]any); len(rules) != len(plain.Group.Rules) || got["interval"] != s.Group.Interval.String() {
		t.Errorf("got %d rules every %v, want %d every %s", len(rules), got["interval"], len(plain.Group.Rules), s.Group.Interval)
	}
	if got, err := p.Owned(t.Context()); err != nil || !slices.Equal(got, []string{name}) {
		t.Errorf("got %v and %v, want %s alone", got, err, name)
	}
	if err := p.Publish(t.Context(), s.Tombstone()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]string{"team": {"team"}, name: {"extra"}, "serin-qrstuvwxyz234567": {"serin-qrstuvwxyz234567"}}
	left := map[string][]string{}
	for namespace, groups := range f.rules {
		for title := range groups {
			left[namespace] = append(left[namespace], title)
		}
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	one := "/prometheus/config/v1/rules/" + name
	if !slices.Contains(f.calls, "POST "+one) || !slices.Contains(f.calls, "DELETE "+one+"/"+name) {
		t.Errorf("got the calls %v", f.calls)
	}
}

// A set of more rules than a group may have becomes several, each of which is found again
// and taken away; groups of a larger set of before go with the next one. Somebody else's
// of a name that is no part stays.
func TestRulerParts(t *testing.T) {
	f, p := mimir(t)
	large := some(t)
	var alone []rulefmt.Rule
	for _, r := range large.Group.Rules {
		if r.Alert != "" {
			alone = append(alone, r)
		}
	}
	large.Group.Rules = slices.Clone(large.Group.Rules)
	for n := range 45 - len(alone) {
		r := alone[n%len(alone)]
		r.Labels = maps.Clone(r.Labels)
		r.Labels["metric"] = fmt.Sprint("m", n)
		large.Group.Rules = append(large.Group.Rules, r)
	}
	f.rules[name] = map[string]map[string]any{name + "-1": theirs(name + "-1"), name + "-x": theirs(name + "-x")}
	titles := func() []string { return slices.Sorted(maps.Keys(f.rules[name])) }
	steps := []struct {
		do   func() error
		want []string
	}{
		{func() error { return p.Publish(t.Context(), large) }, []string{name, name + "-1", name + "-2", name + "-3", name + "-x"}},
		{func() error { return p.Publish(t.Context(), large.Tombstone()) }, []string{name, name + "-1", name + "-2", name + "-3", name + "-x"}},
		{func() error { return p.Publish(t.Context(), some(t)) }, []string{name, name + "-1", name + "-x"}},
		{func() error { return p.Publish(t.Context(), large) }, []string{name, name + "-1", name + "-2", name + "-3", name + "-x"}},
		{func() error { return p.Remove(t.Context(), name) }, []string{name + "-1", name + "-x"}},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if diff := cmp.Diff(step.want, titles()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
	f.rules[name][name+"-2"] = theirs(name + "-2")
	if err := p.Publish(t.Context(), large); err == nil || !permanent(err) || !strings.Contains(err.Error(), name+"-2 was not written by Serin") {
		t.Errorf("a part that somebody else wrote: got %v", err)
	}
}

// A group of Serin's name that somebody else wrote is neither replaced nor removed.
func TestRulerForeign(t *testing.T) {
	f, p := mimir(t)
	f.rules[name] = map[string]map[string]any{name: theirs(name)}
	for what, err := range map[string]error{"publish": p.Publish(t.Context(), some(t)), "remove": p.Remove(t.Context(), name)} {
		if err == nil || !permanent(err) || !strings.Contains(err.Error(), "not written by Serin") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if diff := cmp.Diff(theirs(name)["name"], f.rules[name][name]["name"]); diff != "" || len(f.rules) != 1 {
		t.Errorf("their group was touched: %v", f.rules)
	}
}

// Names that no set has are refused before anybody is asked.
func TestNames(t *testing.T) {
	f, ruler := mimir(t)
	g, managed := managed(t)
	dir := t.TempDir()
	put(t, dir+"/team.yml", "groups: []\n")
	files, err := publish.NewPrometheus(dir, publish.Server{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "team", "serin-", "serin-../team", "serin-a/b", "serin-A", "../team", "serin-" + strings.Repeat("a", 60)} {
		for _, p := range []publish.Publisher{ruler, managed, files} {
			if err := p.Remove(t.Context(), bad); err == nil || !permanent(err) {
				t.Errorf("%T: removing %q: got %v", p, bad, err)
			}
		}
	}
	if len(f.calls)+len(g.calls) > 0 {
		t.Errorf("got the calls %v, %v", f.calls, g.calls)
	}
	if len(have(t, dir)) != 1 {
		t.Error("a file is gone")
	}
}

// Alerts that fire or are pending are seen; others' and those that are normal are not.
func TestFiring(t *testing.T) {
	mine := map[string]string{"managed_by": "serin", "rollout": id}
	other := map[string]string{"managed_by": "serin", "rollout": "qrstuvwxyz234567"}
	hand := map[string]string{"rollout": id}
	alert := func(state string, labels map[string]string) []map[string]any {
		return []map[string]any{{"state": state, "labels": labels}}
	}
	f, r := mimir(t)
	g, m := managed(t)
	for _, c := range []struct {
		name   string
		active []map[string]any
		want   bool
	}{
		{"none", nil, false},
		{"firing", alert("firing", mine), true},
		{"pending", alert("pending", mine), true},
		{"Grafana's", alert("Alerting", mine), true},
		{"Grafana's error", alert("Alerting (Error)", mine), true},
		{"a state that nobody knows", alert("", mine), true},
		{"Grafana's normal", alert("Normal", mine), false},
		{"Grafana's without data", alert("Normal (NoData)", mine), false},
		{"another rollout's", alert("firing", other), false},
		{"written by hand", alert("firing", hand), false},
	} {
		f.active, g.active = c.active, c.active
		for _, w := range []publish.Watcher{r, m} {
			if got, err := w.Firing(t.Context(), some(t)); err != nil || got != c.want {
				t.Errorf("%s, %T: got %v, %v, want %v", c.name, w, got, err, c.want)
			}
		}
	}
}
