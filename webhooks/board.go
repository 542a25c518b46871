package webhooks

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

const (
	scrapeTime = 5 * time.Second
	maxBoard   = 1000 // live rollouts shown
)

// board shows the last verdict of every live rollout. It reads the journal at each
// scrape and remembers nothing, so a rollout that is over is gone, whoever closed
// it, and a restart loses nothing.
type board struct {
	s *Server

	up, live, outcome, evidence, threshold, stale, score *prometheus.Desc
	looked, weight, page, requests                       *prometheus.Desc
	finding, effect, check                               *prometheus.Desc
}

func newBoard(s *Server) *board {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("serin_"+name, help, labels, nil)
	}
	who := []string{"namespace", "service", "rollout"}
	with := func(more ...string) []string { return append(who[:len(who):len(who)], more...) }
	return &board{
		s:         s,
		up:        desc("journal_up", "1 where the journal could be read for this scrape."),
		live:      desc("rollouts_live", "Rollouts that are not over."),
		outcome:   desc("rollout_outcome", "1 for the outcome of the last verdict, 0 for the others.", with("outcome")...),
		evidence:  desc("rollout_evidence_log10", "Log10 of the combined evidence that the canary is worse than tolerated.", who...),
		threshold: desc("rollout_threshold_log10", "Log10 of the evidence at which the rollout is rolled back.", who...),
		stale:     desc("rollout_stale_blocks", "Closed blocks since the last one with evidence of both arms.", who...),
		score:     desc("rollout_score", "Score of the last verdict, 0 to 100; it decides nothing.", who...),
		looked: desc("rollout_last_look_timestamp_seconds",
			"When the judge last looked; before the first look, when the rollout began.", who...),
		weight:   desc("rollout_weight_percent", "The canary's share of traffic as it was declared; absent where it is unknown.", who...),
		page:     desc("rollout_page", "1 where the last verdict asks for a person, else 0.", who...),
		requests: desc("rollout_requests", "Requests that the last verdict rests on.", with("arm")...),
		check:    desc("check_status", "How a check ended at the last look: 1 passed, 0 failed, -1 could not be run or has not been, -2 fails on both arms.", with("check")...),
		finding: desc("finding_evidence_log10", "Log10 of one finding's evidence, for worse than the tolerance or not worse than the margin.",
			with("about", "finding", "side")...),
		effect: desc("finding_effect_ratio", "Canary over baseline of one finding.", with("about", "finding")...),
	}
}

// Describe implements prometheus.Collector.
func (b *board) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{b.up, b.live, b.outcome, b.evidence, b.threshold, b.stale, b.score, b.looked, b.weight, b.page, b.requests, b.finding, b.effect, b.check} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Where the journal cannot be read it
// says so, and says nothing of the rollouts.
func (b *board) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	list, err := b.s.cfg.Journal.List(ctx, journal.Filter{Live: true, Limit: maxBoard})
	if err != nil {
		b.s.cfg.Log.Error("the journal could not be read for /metrics", cause(err))
		gauge(ch, b.up, 0)
		return
	}
	gauge(ch, b.up, 1)
	gauge(ch, b.live, float64(len(list)))
	for _, sum := range list {
		who := []string{sum.Rollout.Namespace, sum.Rollout.Service, sum.Rollout.ID}
		looked := sum.Rollout.Started
		if sum.Last != nil {
			looked = sum.Last.At
			b.verdict(ch, *sum.Last, who...)
		}
		gauge(ch, b.looked, float64(looked.UnixMilli())/1000, who...)
		if percent, known := sum.Rollout.WeightAtTime(b.s.now()); known {
			gauge(ch, b.weight, percent, who...)
		}
	}
}

// verdict shows one verdict of the rollout that who names.
func (b *board) verdict(ch chan<- prometheus.Metric, v judge.Verdict, who ...string) {
	with := func(more ...string) []string { return append(who[:len(who):len(who)], more...) }
	for _, o := range [...]judge.Outcome{judge.Continue, judge.Promote, judge.Rollback, judge.Inconclusive} {
		is := 0.0
		if v.Outcome == o {
			is = 1
		}
		gauge(ch, b.outcome, is, with(o.String())...)
	}
	gauge(ch, b.evidence, v.Evidence, who...)
	gauge(ch, b.threshold, v.Threshold, who...)
	gauge(ch, b.stale, float64(v.StaleBlocks), who...)
	gauge(ch, b.score, v.Score, who...)
	needed := 0.0
	if v.Page != "" {
		needed = 1
	}
	gauge(ch, b.page, needed, who...)
	gauge(ch, b.requests, v.Progress.CanaryRequests, with("canary")...)
	gauge(ch, b.requests, v.Progress.BaselineRequests, with("baseline")...)
	seen := map[string]bool{}
	for _, f := range v.Findings {
		key := string(f.About) + "\x00" + f.Name
		if seen[key] {
			continue // a second finding of one name would void the whole scrape
		}
		seen[key] = true
		if status, ok := checkStatus(f); ok {
			gauge(ch, b.check, status, with(f.Name)...)
		}
		if f.Worse != nil {
			gauge(ch, b.finding, *f.Worse, with(string(f.About), f.Name, "worse")...)
		}
		if f.NotWorse != nil {
			gauge(ch, b.finding, *f.NotWorse, with(string(f.About), f.Name, "not-worse")...)
		}
		if f.Effect != nil {
			gauge(ch, b.effect, f.Effect.Ratio, with(string(f.About), f.Name)...)
		}
	}
}

// checkStatus says how a check ended, as a number.
func checkStatus(f judge.Finding) (float64, bool) {
	if f.About != judge.AboutCheck {
		return 0, false
	}
	switch f.Class {
	case judge.Passed, judge.NotWorse: // a load is not worse where a probe passes
		return 1, true
	case judge.CheckFailed, judge.Worse:
		return 0, true
	case judge.Environment:
		return -2, true
	}
	return -1, true
}

// gauge sends one sample. Labels that are not UTF-8 would void the whole scrape.
func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "?")
	}
	if m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, value, labels...); err == nil {
		ch <- m
	}
}
