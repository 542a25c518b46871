package publish_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/alerts/publish"
)

func managed(t *testing.T) (*grafana, *publish.Grafana) {
	t.Helper()
	f, url := newGrafana(t)
	p, err := publish.NewGrafana(server(url), "canaries", "prom")
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

// A group is written in one call, its tombstone has the same rules by their UIDs, and
// removal takes Serin's rules of this rollout and folder only.
func TestGrafana(t *testing.T) {
	f, p := managed(t)
	s := some(t)
	others := []gRule{
		{UID: "a", Title: "by hand", Group: "team", Folder: "canaries"},
		{UID: "b", Title: "another folder", Group: name, Folder: "elsewhere", Labels: map[string]string{"managed_by": "serin"}},
		{UID: "c", Title: "another rollout", Group: "serin-qrstuvwxyz234567", Folder: "canaries", Labels: map[string]string{"managed_by": "serin"}},
	}
	f.rules = slices.Clone(others)
	for range 2 {
		if err := p.Publish(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	published := slices.Clone(f.rules[len(others):])
	plain, err := s.Inlined()
	if err != nil {
		t.Fatal(err)
	}
	if len(published) != len(plain.Group.Rules) {
		t.Fatalf("got %d rules, want %d", len(published), len(plain.Group.Rules))
	}
	for i, r := range published {
		want := plain.Group.Rules[i]
		if r.Data[0].Model["expr"] != want.Expr || r.Labels["alertname"] != "" || !strings.HasPrefix(r.Title, want.Alert) || r.Provenance != "" {
			t.Errorf("rule %d: got %+v, want %+v", i, r, want)
		}
		for _, text := range r.Annotations {
			if strings.Contains(text, "$value ") {
				t.Errorf("%s: %q has Prometheus' value", r.Title, text)
			}
		}
	}
	if got, err := p.Owned(t.Context()); err != nil || !slices.Equal(got, []string{name, "serin-qrstuvwxyz234567"}) {
		t.Errorf("got %v and %v", got, err)
	}
	if err := p.Publish(t.Context(), s.Tombstone()); err != nil {
		t.Fatal(err)
	}
	for i, r := range f.rules[len(others):] {
		if r.UID != published[i].UID || r.Title != published[i].Title || r.For != "0s" || r.Keep != "" || !strings.Contains(r.Data[0].Model["expr"].(string), "vector(0) == 1") {
			t.Errorf("got the tombstone %+v of %+v", r, published[i])
		}
	}
	for range 2 {
		if err := p.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(others, f.rules); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

func TestGrafanaRefuses(t *testing.T) {
	foreign := gRule{UID: "x", Title: "by hand", Group: name, Folder: "canaries"}
	provisioned := gRule{UID: name + "-0", Title: "t", Group: name, Folder: "canaries", Labels: map[string]string{"managed_by": "serin"}, Provenance: "file"}
	for _, c := range []struct {
		name      string
		set       func(*grafana)
		permanent bool
		says      string
	}{
		{"a folder that is not there", func(f *grafana) { f.folders = nil }, true, "make the folder canaries"},
		{"somebody's rule in the group", func(f *grafana) { f.rules = []gRule{foreign} }, true, "not written by Serin"},
		{"rules provisioned otherwise", func(f *grafana) { f.rules = []gRule{provisioned} }, false, "X-Disable-Provenance"},
	} {
		f, p := managed(t)
		c.set(f)
		before := slices.Clone(f.rules)
		err := p.Publish(t.Context(), some(t))
		if err == nil || permanent(err) != c.permanent || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if diff := cmp.Diff(before, f.rules); diff != "" {
			t.Errorf("%s: rules were changed (-want +got):\n%s", c.name, diff)
		}
	}
	f, p := managed(t)
	f.rules = []gRule{provisioned}
	if err := p.Remove(t.Context(), name); err == nil || !strings.Contains(err.Error(), "X-Disable-Provenance") || len(f.rules) != 1 {
		t.Errorf("removing what was provisioned otherwise: got %v", err)
	}
}
