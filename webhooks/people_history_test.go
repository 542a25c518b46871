package webhooks

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// announceAs opens a rollout of a service, looks once, and ends it.
func (w *world) announceAs(namespace, service, revision string) string {
	w.t.Helper()
	body := fmt.Sprintf(`{"service": %q, "namespace": %q, "revision": %q, "plan": "shop", "baseline": {"workload": "old"}, "canary": {"workload": "new"}}`, service, namespace, revision)
	id := w.want(w.do("POST", "/v1/rollouts", body), 201).object(w.t)["rollout"].(map[string]any)["id"].(string)
	w.want(w.do("POST", "/v1/rollouts/"+id+"/judge", ""), 200)
	w.want(w.do("DELETE", "/v1/rollouts/"+id, ""), 200)
	w.clock.add(time.Minute)
	return id
}

// shownIn is the IDs of rollouts that a page leads to.
func shownIn(body string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`<td><a href="/r/([a-z2-7]{16})"`).FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

// The list has every rollout once, page by page, also for a token that sees one namespace
// among many.
func TestTheListHasPages(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		narrow := FullToken("narrow", "narrow-secret")
		narrow.Namespaces = []string{"shop*"}
		c.Tokens = []Token{FullToken("boss", "boss-secret"), narrow}
	})
	for i := range perPage + 20 {
		w.announceAt(t, i)
	}
	for secret, want := range map[string]int{"boss-secret": perPage + 20, "narrow-secret": perPage/2 + 10} {
		seen := map[string]bool{}
		next := "/"
		for pages := 0; next != ""; pages++ {
			if pages > 5 {
				t.Fatalf("%s: got no end of pages", secret)
			}
			r := httptest.NewRequest("GET", next, nil)
			r.Header.Set("Accept", "text/html")
			r.SetBasicAuth("x", secret)
			a := w.want(w.send(r), 200)
			for _, id := range shownIn(a.body) {
				if seen[id] {
					t.Errorf("%s: got %s twice", secret, id)
				}
				seen[id] = true
			}
			next = ""
			if m := regexp.MustCompile(`<a href="([^"]+)" rel="next"`).FindStringSubmatch(a.body); m != nil {
				next = html.UnescapeString(m[1])
			}
		}
		if len(seen) != want {
			t.Errorf("%s: got %d rollouts, want %d", secret, len(seen), want)
		}
	}
}

// announceAt is the i-th of many rollouts, two of which start at the same moment.
func (w *world) announceAt(t *testing.T, i int) {
	t.Helper()
	r := httptest.NewRequest("POST", "/v1/rollouts", strings.NewReader(fmt.Sprintf(
		`{"service": "service-%d", "namespace": %q, "revision": "r", "plan": "shop", "baseline": {"workload": "old"}, "canary": {"workload": "new"}}`, i, []string{"shop-a", "other"}[i%2])))
	r.SetBasicAuth("x", "boss-secret")
	w.want(w.send(r), 201)
	if i%2 == 1 {
		w.clock.add(time.Minute)
	}
}

func TestAServiceHasAPage(t *testing.T) {
	rates := &someRates{rates: []judge.SelfRate{
		{Of: judge.OfPlacebos, Rollouts: 40, Alarms: 9, Allowed: 2, Chance: 0.0002}, {Of: judge.OfPlacebos, Metric: "errors", Rollouts: 40, Alarms: 9},
		{Of: judge.OfHealthy, Rollouts: 3, Allowed: 0.15, Chance: 1},
	}}
	w := newWorld(t, func(c *Config) { c.SelfChecks = rates })
	w.judge.say(func(v *judge.Verdict) { v.Outcome = judge.Promote })
	promoted := w.announceAs("shop", "checkout", "r1")
	w.judge.say(func(v *judge.Verdict) {
		v.Outcome, v.Latched = judge.Rollback, &judge.Latch{Metrics: []string{"latency <p99>"}}
	})
	bad := w.announceAs("shop", "checkout", "r2")
	other := w.announceAs("other", "checkout", "r3")
	none := w.announceAs("", "cart/eu", "r1")
	a := w.want(w.browse("/s/shop/checkout"), 200)
	for _, text := range []string{
		"2 rollouts since", promoted, bad, "latency &lt;p99&gt;", "More false alarms than are promised", "errors</bdi> (9 of 40)", "says little",
		`href="/?namespace=shop&amp;outcome=rollback&amp;service=checkout"`, "<svg",
	} {
		if !strings.Contains(a.body, text) {
			t.Errorf("got no %q in %s", text, a.body)
		}
	}
	if strings.Contains(a.body, other) {
		t.Error("got a rollout of another namespace")
	}
	if a := w.want(w.browse("/s/-/"+url.PathEscape("cart/eu")), 200); !strings.Contains(a.body, none) {
		t.Errorf("got %s, want the rollout without a namespace", a.body)
	}
	if a := w.want(w.browse("/r/"+none), 200); !strings.Contains(a.body, `href="/s/-/cart%2Feu"`) {
		t.Errorf("got %s, want a link to the service", a.body)
	}
	for path, code := range map[string]int{"/s/shop/nothing": 404, "/s/shop/" + url.PathEscape("a\x00b"): 400, "/s/shop": 404} {
		w.want(w.browse(path), code)
	}
	rates.err = errors.New("the journal is away")
	w.want(w.browse("/s/shop/checkout"), 500)
}

// A service without a namespace is not the same as one of that name in a namespace.
func TestNoNamespaceIsNotEveryNamespace(t *testing.T) {
	w := newWorld(t)
	own := w.announceAs("", "cart", "r1")
	for _, revision := range []string{"p1", "p2"} {
		w.announceAs("prod", "cart", revision)
	}
	w.announceAs("prod", "only", "p1")
	a := w.want(w.browse("/s/-/cart"), 200)
	const all = `href="/?namespace=-&amp;outcome=continue&amp;service=cart"`
	if got := shownIn(a.body); len(got) != 1 || got[0] != own || !strings.Contains(a.body, "1 rollout since") || !strings.Contains(a.body, all) {
		t.Errorf("got %v of %s, want the one without a namespace, and %s", got, a.body, all)
	}
	if got := shownIn(w.want(w.browse("/?namespace=-&service=cart"), 200).body); len(got) != 1 || got[0] != own {
		t.Errorf("got %v in the list, want %s alone", got, own)
	}
	if got := shownIn(w.want(w.browse("/?service=cart"), 200).body); len(got) != 3 {
		t.Errorf("got %v, want those of every namespace", got)
	}
	w.want(w.browse("/s/-/only"), 404)
}

// someRates are rates of false alarms.
type someRates struct {
	rates []judge.SelfRate
	err   error
}

func (s *someRates) Of(_ context.Context, namespace, service string) ([]judge.SelfRate, int, error) {
	return s.rates, 1, s.err
}

// Both judges' words are shown where a caller of Kayenta's API asked, and to nobody whose
// token is limited.
func TestTwoJudgesAreCompared(t *testing.T) {
	w, _ := kayentaWorld(t)
	config := w.keep(canaryConfig(nil))
	w.announceAs("shop", "shop-app", "r1")
	id := w.begin("/kayenta/canary/"+config+"?application=shop-app", execution("bad", nil))
	if a := w.want(w.browse("/k/"+id), 200); !strings.Contains(a.body, "It has not been judged yet") {
		t.Errorf("got %s, want that it was not judged", a.body)
	}
	w.clock.add(24 * time.Hour)
	w.stands(id)
	a := w.want(w.browse("/k/"+id), 200)
	for _, text := range []string{"NetflixACAJudge-v1.0", "which decides", "beside it", "Metric by metric"} {
		if !strings.Contains(a.body, text) {
			t.Errorf("got no %q in %s", text, a.body)
		}
	}
	for _, path := range []string{"/k", "/s/shop/shop-app"} {
		if a := w.want(w.browse(path), 200); !strings.Contains(a.body, "/k/"+id) || !strings.Contains(a.body, "1 has two judges") {
			t.Errorf("%s: got %s, want the execution", path, a.body)
		}
	}
	w.want(w.browse("/k/nothing"), 404)
	narrow := FullToken("narrow", "narrow-secret")
	narrow.Namespaces = []string{"shop"}
	limited, _ := kayentaWorld(t, func(c *Config) { c.Tokens = []Token{narrow} })
	for _, path := range []string{"/k", "/k/" + id} {
		r := httptest.NewRequest("GET", path, nil)
		r.SetBasicAuth("x", "narrow-secret")
		limited.want(limited.send(r), 404)
	}
}

// What a verdict rests on can be had as files; the plan's secrets cannot.
func TestAReportHasFiles(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Drawing = drawings{} })
	id := w.announceOne(t)
	for path, want := range map[string]string{"data": `"frozen"`, "dashboard": "a dashboard", "rules": "some rules"} {
		a := w.want(w.browse("/r/"+id+"/"+path), 200)
		if !strings.Contains(a.body, want) || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: got %s %v, want a file with %s", path, a.body, a.header, want)
		}
		if strings.Contains(a.body, "hidden-from-lists") {
			t.Errorf("%s: got what a check sends", path)
		}
	}
	a := w.want(w.browse("/r/"+id), 200)
	for _, text := range []string{"/r/" + id + "/data", "https://grafana.example/d/x", "The plan, version"} {
		if !strings.Contains(a.body, text) {
			t.Errorf("got no %q in the report", text)
		}
	}
	if strings.Contains(a.body, "hidden-from-lists") {
		t.Error("the report has what a check sends")
	}
	bare := newWorld(t)
	id = bare.announceOne(t)
	bare.want(bare.browse("/r/"+id+"/rules"), 404)
	if a := bare.want(bare.browse("/r/"+id), 200); strings.Contains(a.body, "/rules") {
		t.Error("got a link to rules that nobody writes")
	}
}

// drawings writes files.
type drawings struct{}

func (drawings) Page(journal.Summary, plan.Plan) string { return "https://grafana.example/d/x" }
func (drawings) Dashboard(journal.Summary, plan.Plan) ([]byte, error) {
	return []byte(`"a dashboard"`), nil
}
func (drawings) Rules(journal.Summary, plan.Plan) ([]byte, error) { return []byte("some rules"), nil }
