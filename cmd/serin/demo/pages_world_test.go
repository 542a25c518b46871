package demo

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/publishing"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks"
)

// recordedNow is when the pages are looked at: some minutes after the recorded rollouts.
func recordedNow() time.Time { return time.Date(2026, 11, 23, 3, 40, 0, 0, time.UTC) }

// The rollouts of the recording.
const (
	recordedHealthy = "qwycwzpiilhz5s53" // checkout, promoted
	recordedFailing = "esuigekezvebzfe2" // payments, rolled back
)

// recording is a real server over a journal that a run of the demo left, at a moment that
// stands still: its pages are the same each time. Nothing is waited for.
type recording struct {
	t       testing.TB
	journal *journal.Journal
	url     string
	past    map[string]journal.Summary // of the recording, by ID
	plans   map[string]plan.Plan
}

func newRecording(t testing.TB) *recording {
	t.Helper()
	j, err := journal.Open(t.Context(), ":memory:", journal.Options{Now: recordedNow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	f, err := os.Open("../../../judge/journal/testdata/demo.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Import(t.Context(), z); err != nil {
		t.Fatal(err)
	}
	r := &recording{t: t, journal: j, past: map[string]journal.Summary{}, plans: map[string]plan.Plan{}}
	var set []plan.Plan
	for _, id := range []string{recordedHealthy, recordedFailing} {
		sum, err := j.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Closed.IsZero() {
			if err := j.End(t.Context(), id, sum.Last.At.Add(time.Second), "Flagger's phase is Failed"); err != nil {
				t.Fatal(err)
			}
		}
		r.past[id] = sum
		if r.plans[id], err = j.Plan(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		set = append(set, r.plans[id])
	}
	plans, err := plan.NewSet(set...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := webhooks.New(webhooks.Config{
		Judge: noJudge{}, Journal: j, Plans: plans, Version: "recorded", Now: recordedNow, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), Drawing: publishing.New(publishing.Config{}).Files(),
		SelfChecks: selfRates{j}, Kayenta: webhooks.Kayenta{Documents: j},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	r.url = server.URL
	return r
}

// noJudge is asked by nobody: what is recorded is recorded.
type noJudge struct{}

func (noJudge) Decide(context.Context, rollout.Rollout, time.Time) (judge.Verdict, error) {
	return judge.Verdict{}, fmt.Errorf("the recording has no judge")
}

// selfRates checks the recorded rollouts of a service as a server does when they end.
type selfRates struct{ j *journal.Journal }

func (s selfRates) Of(ctx context.Context, namespace, service string) ([]judge.SelfRate, int, error) {
	list, err := s.j.List(ctx, journal.Filter{Namespace: namespace, Service: service, Limit: 1000})
	if err != nil {
		return nil, 0, err
	}
	var checks []judge.SelfCheck
	for _, sum := range list {
		rec, err := s.j.Load(ctx, sum.Rollout.ID)
		if err != nil {
			return nil, 0, err
		}
		if sum.Last != nil && len(rec.Frozen.Metrics) > 0 {
			checks = append(checks, judge.CheckSelf(rec, *sum.Last))
		}
	}
	return judge.SelfRates(checks), 0, nil
}

// announce opens a rollout like a recorded one.
func (r *recording) announce(like, revision string, started time.Time) rollout.Rollout {
	r.t.Helper()
	roll := r.past[like].Rollout
	roll.ID, roll.Revision, roll.Started, roll.Weights, roll.Attempt, roll.FinalStep = "", revision, started, nil, 0, time.Time{}
	a, err := r.journal.Announce(r.t.Context(), roll, r.plans[like])
	if err != nil {
		r.t.Fatal(err)
	}
	return a.Rollout
}

// look records a look with the verdict that a recorded rollout ended with.
func (r *recording) look(roll rollout.Rollout, like string, change func(*judge.Verdict)) {
	r.t.Helper()
	sum, err := r.journal.Get(r.t.Context(), roll.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	v := *r.past[like].Last
	v.ID, v.Seq, v.At, v.Rollout = fmt.Sprintf("%s-%d", roll.ID, sum.Looks+1), sum.Looks+1, roll.Started.Add(5*time.Minute), roll
	v.Latched = nil
	if v.Outcome == judge.Rollback {
		v.Latched = r.past[like].Last.Latched
	}
	if change != nil {
		change(&v)
	}
	if err := r.journal.Commit(r.t.Context(), judge.Look{Rollout: roll.ID, Verdict: v}); err != nil {
		r.t.Fatal(err)
	}
}

// history adds some weeks of rollouts.
func (r *recording) history() {
	r.t.Helper()
	for i := range 36 {
		service, like := []string{recordedHealthy, recordedFailing}[i%2], recordedHealthy
		if i%5 == 3 {
			like = recordedFailing
		}
		started := recordedNow().Add(-time.Duration(40-i) * 26 * time.Hour)
		roll := r.announce(service, fmt.Sprintf("%08x", 0x5eed0000+i*7919), started)
		r.look(roll, like, func(v *judge.Verdict) {
			switch {
			case i%11 == 5:
				v.Outcome, v.Reason, v.Latched = judge.Inconclusive, "12 of 15 minutes: neither harm nor its absence is proven", nil
			case i%15 == 13:
				v.Latched, v.Reason = &judge.Latch{Metrics: []string{"health"}}, "health: GET /health answered 503 at two looks"
			}
		})
		if err := r.journal.End(r.t.Context(), roll.ID, started.Add(time.Duration(4+i*5%17)*time.Minute), "over"); err != nil {
			r.t.Fatal(err)
		}
	}
}

// executions adds what both judges said to Kayenta's callers.
func (r *recording) executions() string {
	r.t.Helper()
	result := func(judge, class string, score float64, errors, latency string) map[string]any {
		metric := func(name, class, why string) map[string]any {
			return map[string]any{"name": name, "classification": class, "classificationReason": why}
		}
		return map[string]any{
			"judgeName": judge, "score": map[string]any{"score": score, "classification": class, "classificationReason": ""},
			"results": []any{metric("errors", errors, ""), metric("latency", latency, "")},
		}
	}
	last := ""
	for i, other := range []string{"Pass", "Fail", "Pass"} {
		first := result("NetflixACAJudge-v1.0", "Pass", 100, "Pass", "Pass")
		second := result("serin", other, map[string]float64{"Pass": 100}[other], map[string]string{"Pass": "Pass", "Fail": "High"}[other], "Pass")
		judgement := map[string]any{"others": []any{second}}
		for k, v := range first {
			judgement[k] = v
		}
		if other == "Fail" {
			judgement["differences"] = []string{
				"the canary: NetflixACAJudge-v1.0 says Pass (100), serin says Fail (0): errors are proven worse than tolerated",
				"errors: NetflixACAJudge-v1.0 says Pass, serin says High: canary 4 against 1",
			}
		}
		body, err := json.Marshal(map[string]any{
			"application": "payments", "config": map[string]any{"name": "payments-canary"}, "request": map[string]any{}, "account": "prometheus",
			"judgement": judgement, "ended": recordedNow(),
		})
		if err != nil {
			r.t.Fatal(err)
		}
		id := strings.Repeat(fmt.Sprintf("%02x", 0xa1+i), 16)
		if _, err := r.journal.AddDocument(r.t.Context(), journal.Document{Kind: "kayenta execution", ID: id, Owner: "payments", State: "succeeded", Body: body}); err != nil {
			r.t.Fatal(err)
		}
		if other == "Fail" {
			last = id
		}
	}
	return last
}

// hostile adds a rollout whose every text is somebody's attack.
func (r *recording) hostile() string {
	r.t.Helper()
	name := "<img src=x onerror=alert(1)>\u202e" + strings.Repeat("W", 10<<10)
	roll := r.past[recordedFailing].Rollout
	roll.ID, roll.Service, roll.Namespace, roll.Revision = "", name, "<b>shop\u2066</b>", "\x1b[31m"+name
	roll.Started, roll.Weights, roll.Attempt = recordedNow().Add(-time.Minute), nil, 0
	a, err := r.journal.Announce(r.t.Context(), roll, r.plans[recordedFailing])
	if err != nil {
		r.t.Fatal(err)
	}
	r.look(a.Rollout, recordedFailing, func(v *judge.Verdict) {
		v.Reason, v.Findings = name, slices.Clone(v.Findings)
		for i := range v.Findings {
			v.Findings[i].Name, v.Findings[i].Reason, v.Findings[i].Next = name, name, name
		}
	})
	if _, err := r.journal.Override(r.t.Context(), a.Rollout.ID, judge.Override{By: "<i>ann", Action: judge.OverrideHold, Reason: "<script>alert(1)</script>"}); err != nil {
		r.t.Fatal(err)
	}
	return a.Rollout.ID
}
