package publish_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/alerts/publish"
)

// told is what a server of rule files is told, for answers that a real one does not
// give at will.
type told struct {
	mu      sync.Mutex
	reloads []http.HandlerFunc // answers in turn; then 200
	shows   []string           // bodies of /api/v1/rules in turn; the last one stays
	asked   int                // reloads
}

func (f *told) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodPost && r.URL.Path == "/-/reload" {
		f.asked++
		if len(f.reloads) > 0 {
			next := f.reloads[0]
			f.reloads = f.reloads[1:]
			next(w, r)
		}
		return
	}
	_, _ = fmt.Fprint(w, f.shows[0])
	if len(f.shows) > 1 {
		f.shows = f.shows[1:]
	}
}

const without = `{"status":"success","data":{"groups":[]}}`

// showing is an answer with a group of so many rules.
func showing(n int) string {
	return `{"status":"success","data":{"groups":[{"name":"` + name + `","rules":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}]}}`
}

// A file stays only where the server has confirmed that it evaluates it.
func TestPrometheusTold(t *testing.T) {
	ok, refuse := status(200), status(500)
	with, fewer := showing(len(some(t).Group.Rules)), showing(3)
	list := func(all ...http.HandlerFunc) []http.HandlerFunc { return all }
	always := func(answer http.HandlerFunc) []http.HandlerFunc { return list(answer, answer) } //nolint:gocritic // twice is meant
	for _, c := range []struct {
		name      string
		reloads   []http.HandlerFunc
		shows     []string
		stays     bool
		permanent bool
		after     time.Duration
		says      string
	}{
		{"well", list(ok), []string{with}, true, false, 0, ""},
		{"shown later, as vmalert does", list(ok), []string{without, without, with}, true, false, 0, ""},
		{"the rules before are shown", list(ok), []string{fewer}, false, true, 0, "to rule_files"},
		{"never shown", list(ok), []string{without}, false, true, 0, "to rule_files"},
		{"refused because of Serin's", list(refuse, ok), []string{without}, false, true, 0, "this file is at fault"},
		{"refused because of others'", always(refuse), []string{without}, false, false, 0, "mend team.yml"},
		{"no lifecycle", always(status(403)), []string{without}, false, true, 0, "--web.enable-lifecycle"},
		{"busy", list(status(503, "Retry-After", "3")), []string{without}, false, false, 3 * time.Second, "503"},
		{"something else answers", list(ok), []string{"{}"}, false, false, 0, "leads to Prometheus itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir+"/team.yml", "groups: [{name: team, rules: [{record: x}]}]\n")
			put(t, dir+"/fine.yml", "groups: []\n")
			before := have(t, dir)
			f := &told{reloads: c.reloads, shows: c.shows}
			p := files(t, dir, f)
			err := p.Publish(t.Context(), some(t))
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) || permanent(err) != c.permanent || pauseOf(err) != c.after {
				t.Errorf("got %v", err)
			}
			quiet(t, err)
			text, stays := have(t, dir)[name+".yml"]
			if stays != c.stays || stays && !strings.Contains(text, "CanaryErrorsVsBaseline") {
				t.Errorf("the file stays: got %v, want %v", stays, c.stays)
			}
			if !c.stays {
				if diff := cmp.Diff(before, have(t, dir)); diff != "" {
					t.Errorf("the folder is not as before (-before +after):\n%s", diff)
				}
				if f.asked < 2 {
					t.Error("the server was not told that the file is gone")
				}
			}
		})
	}
}

func files(t *testing.T, dir string, f http.Handler) *publish.Prometheus {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	p, err := publish.NewPrometheus(dir, server(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	return p.Hurry()
}

// A server that is down accepts nothing, so that nothing is left for it to choke on
// when it starts.
func TestPrometheusDown(t *testing.T) {
	dir := t.TempDir()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p, err := publish.NewPrometheus(dir, server(gone.URL))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), some(t)); err == nil || permanent(err) || len(have(t, dir)) > 0 {
		t.Errorf("got %v and the files %v", err, have(t, dir))
	}
}

// Removal that ended half-way is taken up again: the file is gone, the rules are not.
func TestPrometheusRemovedHalf(t *testing.T) {
	dir, with := t.TempDir(), showing(len(some(t).Group.Rules))
	f := &told{shows: []string{with}}
	p := files(t, dir, f)
	if err := p.Publish(t.Context(), some(t)); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.reloads, f.asked = []http.HandlerFunc{status(502)}, 0
	f.mu.Unlock()
	if err := p.Remove(t.Context(), name); err == nil || permanent(err) || len(have(t, dir)) > 0 {
		t.Errorf("the reload failed: got %v and the files %v", err, have(t, dir))
	}
	f.mu.Lock()
	f.shows = []string{with, without}
	f.mu.Unlock()
	if err := p.Remove(t.Context(), name); err != nil || f.asked != 2 {
		t.Errorf("got %v after %d reloads, want 2", err, f.asked)
	}
	if err := p.Remove(t.Context(), name); err != nil || f.asked != 2 {
		t.Errorf("what is gone: got %v after %d reloads, want no more", err, f.asked)
	}
	f.mu.Lock()
	f.shows = []string{with}
	f.mu.Unlock()
	if err := p.Remove(t.Context(), name); err == nil || !strings.Contains(err.Error(), "another file has it") {
		t.Errorf("the group is in another file: got %v", err)
	}
}

// Without a server only files are written, and only Serin's are listed and removed.
func TestPrometheusFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules [of all]")
	p, err := publish.NewPrometheus(dir, publish.Server{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Owned(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("no folder: got %v, %v", got, err)
	}
	if err := p.Publish(t.Context(), some(t)); err != nil {
		t.Fatal(err)
	}
	const foreign = "serin-qrstuvwxyz234567"
	put(t, filepath.Join(dir, foreign+".yml"), "groups: []\n")
	put(t, filepath.Join(dir, "team.yml"), "# Written by Serin for nobody\ngroups: []\n")
	if got, err := p.Owned(t.Context()); err != nil || !slices.Equal(got, []string{name}) {
		t.Errorf("got %v, %v", got, err)
	}
	if firing, err := p.Firing(t.Context(), some(t)); err != nil || firing {
		t.Errorf("nobody knows what fires: got %v, %v", firing, err)
	}
	if err := p.Remove(t.Context(), foreign); err == nil || !permanent(err) {
		t.Errorf("somebody else's file: got %v", err)
	}
	for range 2 {
		if err := p.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(have(t, dir)); got != 2 {
		t.Errorf("got %d files, want those of others", got)
	}
}

// What is there and evaluated already is not loaded again; what was only written is.
func TestPrometheusAgain(t *testing.T) {
	dir, s := t.TempDir(), some(t)
	f := &told{shows: []string{showing(len(s.Group.Rules))}}
	p := files(t, dir, f)
	for range 3 {
		if err := p.Publish(t.Context(), s); err != nil || f.asked != 1 {
			t.Fatalf("got %v after %d reloads, want 1", err, f.asked)
		}
	}
	f.mu.Lock()
	f.shows = []string{without, showing(len(s.Group.Rules))}
	f.mu.Unlock()
	if err := p.Publish(t.Context(), s); err != nil || f.asked != 2 {
		t.Fatalf("got %v after %d reloads, want 2", err, f.asked)
	}
}

// A tombstone counts as firing until what it resolved must have been told.
func TestPrometheusTelling(t *testing.T) {
	dir, s := t.TempDir(), some(t)
	f := &told{shows: []string{showing(len(s.Group.Rules))}} // and, as alerts, none
	p := files(t, dir, f)
	firing := func(want bool, what string) {
		t.Helper()
		if got, err := p.Firing(t.Context(), s); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
		}
	}
	firing(false, "nothing is there")
	if err := p.Publish(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	firing(false, "rules of which none fires")
	f.mu.Lock()
	f.shows = []string{showing(len(s.Tombstone().Group.Rules))}
	f.mu.Unlock()
	if err := p.Publish(t.Context(), s.Tombstone()); err != nil {
		t.Fatal(err)
	}
	firing(true, "a new tombstone")
	every := time.Duration(s.Group.Interval)
	for age, want := range map[time.Duration]bool{time.Minute + 2*every: true, time.Minute + 4*every: false} {
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, name+".yml"), at, at); err != nil {
			t.Fatal(err)
		}
		firing(want, "a tombstone of "+age.String())
	}
}
