package publish_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// started starts a Prometheus that reads the rule files of a folder, and a publisher.
func started(t *testing.T, read, dir string) (string, *publish.Prometheus) {
	t.Helper()
	url := promtest.Start(t, promtest.Config{
		More:  fmt.Sprintf("rule_files: [%q]\n", filepath.Join(read, "*.yml")),
		Flags: []string{"--web.enable-lifecycle"},
	})
	p, err := publish.NewPrometheus(dir, server(url))
	if err != nil {
		t.Fatal(err)
	}
	return url, p.Hurry()
}

// groups are the names of the groups that a Prometheus evaluates, with the number of
// their rules.
func groups(t *testing.T, url string) map[string]int {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Name  string
				Rules []any
			}
		}
	}
	ask(t, url+"/api/v1/rules", &answer)
	out := map[string]int{}
	for _, g := range answer.Data.Groups {
		out[g.Name] = len(g.Rules)
	}
	return out
}

func ask(t *testing.T, url string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	a, err := direct().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", url, err, text)
	}
}

// The rules of a rollout come to a real Prometheus and go again, others' stay, and a
// broken file of somebody else keeps neither from being as it was.
func TestRealPrometheus(t *testing.T) {
	dir := t.TempDir()
	team := filepath.Join(dir, "team.yml")
	const fine = "groups: [{name: team, rules: [{record: a, expr: vector(1)}]}]\n"
	put(t, team, fine)
	url, p := started(t, dir, dir)
	s := some(t)
	if err := p.Publish(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	all := map[string]int{"team": 1, name: len(s.Group.Rules)}
	if diff := cmp.Diff(all, groups(t, url)); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}

	put(t, team, "groups: [{name: team, rules: [{record: a, expr: 'sum('}]}]\n")
	before := have(t, dir)
	err := p.Publish(t.Context(), s.Tombstone())
	if err == nil || permanent(err) || !strings.Contains(err.Error(), "mend team.yml") {
		t.Errorf("a broken file of somebody else: got %v", err)
	}
	if diff := cmp.Diff(before, have(t, dir)); diff != "" {
		t.Errorf("the folder is not as before (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(all, groups(t, url)); diff != "" {
		t.Errorf("what is evaluated (-want +got):\n%s", diff)
	}
	if err := p.Remove(t.Context(), name); err == nil || permanent(err) || !strings.Contains(err.Error(), "mend team.yml") {
		t.Errorf("removal beside a broken file: got %v", err)
	}

	put(t, team, fine)
	if err := p.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"team": 1}, groups(t, url)); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if got := have(t, dir); len(got) != 1 {
		t.Errorf("got the files %v", got)
	}
}

// A tombstone replaces what is evaluated.
func TestRealTombstone(t *testing.T) {
	dir := t.TempDir()
	url, p := started(t, dir, dir)
	s := some(t)
	for _, set := range []struct {
		name string
		want int
	}{{"rules", len(s.Group.Rules)}, {"tombstone", len(s.Tombstone().Group.Rules)}} {
		published := s
		if set.name == "tombstone" {
			published = s.Tombstone()
		}
		if err := p.Publish(t.Context(), published); err != nil {
			t.Fatal(err)
		}
		if got := groups(t, url)[name]; got != set.want {
			t.Errorf("%s: got %d rules, want %d", set.name, got, set.want)
		}
	}
	if got, err := p.Owned(t.Context()); err != nil || !slices.Equal(got, []string{name}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// A folder that Prometheus does not read is told, and nothing is left in it.
func TestRealOtherFolder(t *testing.T) {
	dir := t.TempDir()
	_, p := started(t, t.TempDir(), dir)
	err := p.Publish(t.Context(), some(t))
	if err == nil || !permanent(err) || !strings.Contains(err.Error(), "add "+filepath.Join(dir, "*.yml")+" to rule_files") {
		t.Errorf("got %v", err)
	}
	if got := have(t, dir); len(got) > 0 {
		t.Errorf("got the files %v", got)
	}
}

// A set that is well for Serin's parser and not for this Prometheus, which is older, is
// taken back: without it the files are read again.
func TestRealRefused(t *testing.T) {
	dir := t.TempDir()
	url, p := started(t, dir, dir)
	s := some(t)
	newer := s
	newer.Group.Rules = slices.Clone(s.Group.Rules)
	newer.Group.Rules[0].Expr = "histogram_avg(requests)" // Prometheus 2.50 learnt it
	if err := p.Publish(t.Context(), newer); err == nil || !permanent(err) || !strings.Contains(err.Error(), "this file is at fault") {
		t.Errorf("the first: got %v", err)
	}
	if got := have(t, dir); len(got) > 0 {
		t.Errorf("got the files %v", got)
	}
	if err := p.Publish(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	before := have(t, dir)
	if err := p.Publish(t.Context(), newer); err == nil || !permanent(err) {
		t.Errorf("the second: got %v", err)
	}
	if diff := cmp.Diff(before, have(t, dir)); diff != "" {
		t.Errorf("the folder is not as before (-before +after):\n%s", diff)
	}
	if got := groups(t, url); got[name] != len(s.Group.Rules) {
		t.Errorf("got the groups %v", got)
	}
}

// Rules that no glob of a real Prometheus has are refused without another reload, until
// it is configured anew: then they come by themselves at the next attempt.
func TestRealFolderIsAddedLater(t *testing.T) {
	dir := t.TempDir()
	url, p := started(t, t.TempDir(), dir)
	var flags struct{ Data map[string]string }
	ask(t, url+"/api/v1/status/flags", &flags)
	config := flags.Data["config.file"]
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	said := p.Publish(t.Context(), some(t))
	if said == nil || !permanent(said) {
		t.Fatalf("got %v, want the folder named", said)
	}
	before := reloaded(t, url)
	if err := p.Publish(t.Context(), some(t)); err == nil || err.Error() != said.Error() || len(have(t, dir)) > 0 {
		t.Errorf("got %v and the files %v, want the same refusal again", err, have(t, dir))
	}
	if after := reloaded(t, url); after != before {
		t.Errorf("got a reload at %s beside that at %s, want none while nothing has changed", after, before)
	}

	mended := regexp.MustCompile(`(?m)^rule_files:.*$`).ReplaceAllString(string(text), fmt.Sprintf("rule_files: [%q]", filepath.Join(dir, "*.yml")))
	put(t, config, mended)
	reload(t, url)
	s := some(t)
	if err := p.Publish(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := groups(t, url)[name]; got != len(s.Group.Rules) {
		t.Errorf("got %d rules, want all", got)
	}
}

// reloaded is when a Prometheus was last configured.
func reloaded(t *testing.T, url string) string {
	t.Helper()
	var info struct {
		Data struct{ LastConfigTime string }
	}
	ask(t, url+"/api/v1/status/runtimeinfo", &info)
	return info.Data.LastConfigTime
}

func reload(t *testing.T, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/-/reload", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	a, err := direct().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		t.Fatalf("a reload: got %d", a.StatusCode)
	}
}
