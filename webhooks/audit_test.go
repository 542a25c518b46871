package webhooks

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// trail returns the audit trail, the oldest first, as WHO WHAT.
func (w *world) trail() []string {
	w.t.Helper()
	list, err := w.journal.AuditLog(w.t.Context(), journal.AuditFilter{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i].Who+": "+list[i].What)
	}
	return out
}

func TestOverrides(t *testing.T) {
	w := scopedWorld(t, func(tk *Token) { tk.Allow = []Right{RightRead, RightOverride} })
	id := w.want(w.as("full-token", "POST", "/v1/rollouts", in("shop")), 201).header.Get("Location")
	theirs := w.want(w.as("full-token", "POST", "/v1/rollouts", in("bank")), 201).header.Get("Location")
	for body, code := range map[string]int{
		`{"action":"promote"}`: 400, `{"action":"advance","reason":"x"}`: 400, `{"action":"hold","reason":" \n "}`: 400, `{"reason":"x"}`: 400,
		`{"action":"hold","reason":"x","by":"somebody"}`: 400, `{"action":"hold","reason":"x","despiteHarm":true}`: 400,
		`{"action":"hold","reason":"` + strings.Repeat("a", 1001) + `"}`: 400, ``: 400,
	} {
		if a := w.as("shop-token", "POST", id+"/override", body); a.code != code {
			t.Errorf("%s: got %d %s, want %d", body, a.code, a.body, code)
		}
	}
	w.want(w.as("shop-token", "POST", theirs+"/override", `{"action":"promote","reason":"mine"}`), 404)
	w.want(w.as("shop-token", "POST", id+"/override", `{"action":"hold","reason":"the queue is being moved"}`), 200)
	a := w.want(w.as("full-token", "POST", id+"/override", `{"action":"promote","reason":"seen\nby eye","despiteHarm":true}`), 200)
	var o judge.Override
	if err := json.Unmarshal([]byte(a.body), &o); err != nil || o.Seq != 2 || o.By != "all" || o.Reason != "seen by eye" || !o.DespiteHarm || !o.At.Equal(start()) {
		t.Errorf("got %s (%v), want the second override, by the token's name", a.body, err)
	}
	rec, err := w.journal.Load(t.Context(), strings.TrimPrefix(id, "/v1/rollouts/"))
	if err != nil || len(rec.Overrides) != 2 || rec.Overrides[0].By != "shop" {
		t.Errorf("got %v %v, want both where the judge reads them", rec.Overrides, err)
	}
	w.want(w.as("full-token", "DELETE", id, ""), 200)
	w.want(w.as("full-token", "POST", id+"/override", `{"action":"hold","reason":"late"}`), 409)
	got := strings.Join(w.trail(), "\n")
	for _, want := range []string{"all: announce", "shop: override hold", "all: override promote", "all: close"} {
		if !strings.Contains(got, want) {
			t.Errorf("got trail\n%s\nwant %q in it", got, want)
		}
	}
}

func TestWithoutTheRightNothingIsOverridden(t *testing.T) {
	w := scopedWorld(t, func(tk *Token) { tk.Allow = []Right{RightRead, RightAnnounce, RightJudge, RightAdmin} })
	id := w.want(w.as("shop-token", "POST", "/v1/rollouts", in("shop")), 201).header.Get("Location")
	w.want(w.as("shop-token", "POST", id+"/override", `{"action":"promote","reason":"x"}`), 403)
	rec, err := w.journal.Load(t.Context(), strings.TrimPrefix(id, "/v1/rollouts/"))
	if err != nil || len(rec.Overrides) != 0 {
		t.Errorf("got %v %v, want none", rec.Overrides, err)
	}
}

func TestWhatWasToldIsOnTheTrail(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Tokens = []Token{FullToken("all", "full-token"), FullToken("flagger", "flagger-token")}
	})
	hook := func(name string, code int) {
		t.Helper()
		w.want(w.as("flagger-token", "POST", "/flagger/"+name, flaggerIn("shop", "")), code)
	}
	hook("rollout", 200) // goes on: nothing to note but that it was opened
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("three times the errors") })
	hook("rollout", 409)
	hook("rollback", 200)
	w.want(w.as("full-token", "POST", "/v1/judge", announced1), 200)
	w.want(w.as("full-token", "POST", "/argo/analysis", argoArgs(nil)), 200)
	want := []string{
		"flagger: announce", "flagger: told rollout no", "flagger: told rollback yes", "all: announce", "all: told rollback",
		"all: announce", "all: told argo fail", "all: close",
	}
	slices.Sort(want)
	got := w.trail()
	slices.Sort(got) // the clock stands still
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for query, n := range map[string]int{"who=flagger": 3, "who=flagger&limit=1": 1} {
		a := w.want(w.as("full-token", "GET", "/v1/audit?"+query, ""), 200)
		var body struct {
			Entries []journal.Entry `json:"entries"`
		}
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || len(body.Entries) != n {
			t.Errorf("%s: got %s (%v), want %d entries", query, a.body, err, n)
		}
		if n > 1 && strings.Count(a.body, "three times") != 2 {
			t.Errorf("%s: got %s, want the reason of both answers", query, a.body)
		}
	}
	for _, wrong := range []string{"?whom=a", "?limit=0", "?since=yesterday", "?who=a&who=b"} {
		w.want(w.as("full-token", "GET", "/v1/audit"+wrong, ""), 400)
	}
}

func TestRefusalsAreNotedAndBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{FullToken("all", "full-token")} })
	for range 500 {
		w.as("guess-of-a-token", "GET", "/v1/rollouts", "")
	}
	if n := len(w.trail()); n != 20 {
		t.Errorf("got %d entries of 500 refusals, want the first twenty", n)
	}
	w.clock.add(10 * time.Second)
	w.want(w.as("guess-of-a-token", "GET", "/v1/rollouts", ""), 401)
	list, err := w.journal.AuditLog(t.Context(), journal.AuditFilter{Limit: 1})
	if err != nil || !strings.Contains(string(list[0].Detail), `"unrecorded":480`) || list[0].Who != "nobody" {
		t.Errorf("got %s %s %v, want how many were left out", list[0].Who, list[0].Detail, err)
	}
}

func TestATrailThatCannotBeWrittenRefusesNobody(t *testing.T) {
	w := newWorld(t)
	w.faults.set("Audit", errors.New("the disk is full"))
	w.want(w.do("POST", "/v1/rollouts", announced1), 201)
	if !strings.Contains(w.logs.String(), "the audit trail could not be written") {
		t.Errorf("got log %s, want it said", w.logs)
	}
}
