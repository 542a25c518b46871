package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// kindSelfCheck is the work of asking what a rollout that is over says of the judge's own
// error rate, and the kind of the documents that say it.
const kindSelfCheck = "self-check"

// What is shown is the newest of what is kept, and not the oldest.
const (
	checksShown   = 500
	checksNewer   = 90 * 24 * time.Hour
	checksKept    = 180 * 24 * time.Hour
	checksAgain   = time.Minute // how long what was read is shown
	metricsShown  = 50
	selfCheckTime = 30 * time.Second
)

// judged is the record of rollouts that are over.
type judged interface {
	Get(ctx context.Context, id string) (journal.Summary, error)
	Load(ctx context.Context, id string) (judge.Record, error)
}

// papers keeps what rollouts said.
type papers interface {
	AddDocument(ctx context.Context, d journal.Document) (journal.Document, error)
	Documents(ctx context.Context, f journal.DocumentFilter) ([]journal.Document, error)
	PruneDocuments(ctx context.Context, kind string, before time.Time) (int, error)
}

// selfChecks measures false alarms as rollouts end ([judge.CheckSelf]). What a rollout
// says is kept in the journal under its ID: whichever replica asked, and however often,
// it counts once, and a restart loses nothing. Every replica shows the same.
type selfChecks struct {
	record judged
	papers papers
	now    func() time.Time
	log    *slog.Logger

	up, rollouts, alarms, allowed, chance     *prometheus.Desc
	ofRollouts, ofAlarms, ofAllowed, ofChance *prometheus.Desc
	reversed                                  *prometheus.Desc

	mu    sync.Mutex
	at    time.Time // when rates and back were read
	rates []judge.SelfRate
	back  int
}

func newSelfChecks(now func() time.Time, log *slog.Logger) *selfChecks {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("serin_selfcheck_"+name, help, labels, nil)
	}
	const last = " The newest 500 rollouts of 90 days count."
	return &selfChecks{
		now: now, log: log,
		up:         desc("up", "1 where the checks could be read for this scrape."),
		rollouts:   desc("rollouts", "Rollouts in which nothing should be found: pods of the baseline judged as the canary (placebo), or promoted canaries."+last, "of"),
		alarms:     desc("alarms", "Those among them with evidence that rolls back, of all metrics together.", "of"),
		allowed:    desc("allowed", "How many there may be on average: the sum of the plans' alpha.", "of"),
		chance:     desc("chance", "Probability of so many alarms or more, if each came with probability alpha.", "of"),
		ofRollouts: desc("metric_rollouts", "The same rollouts, by metric.", "of", "metric"),
		ofAlarms:   desc("metric_alarms", "Those among them where this metric's own evidence reached what rolls back.", "of", "metric"),
		ofAllowed:  desc("metric_allowed", "How many there may be on average.", "of", "metric"),
		ofChance:   desc("metric_chance", "Probability of so many or more, if each came with probability alpha.", "of", "metric"),
		reversed:   desc("reversed", "Rollbacks that a person reversed: the canary was promoted nevertheless."),
	}
}

// selfCheckKind says how the work is treated.
func selfCheckKind() outbox.Kind {
	return outbox.Kind{Timeout: selfCheckTime, Patience: 24 * time.Hour, Concurrency: 1, First: 10 * time.Second, Lapses: true}
}

// follow returns the work that follows from an event.
func (s *selfChecks) follow(e journal.Event) []outbox.Job {
	if e.Kind != journal.EventClosed {
		return nil
	}
	return []outbox.Job{{Kind: kindSelfCheck, Key: e.Rollout.ID + "." + kindSelfCheck, Rollout: e.Rollout.ID}}
}

// check is the handler.
func (s *selfChecks) check(ctx context.Context, j outbox.Job) error {
	sum, err := s.record.Get(ctx, j.Rollout)
	if err == nil && sum.Last == nil {
		return nil // never judged
	}
	var rec judge.Record
	if err == nil {
		rec, err = s.record.Load(ctx, j.Rollout)
	}
	switch {
	case errors.Is(err, journal.ErrNotFound), errors.Is(err, journal.ErrInputsRemoved), errors.Is(err, judge.ErrUnknownRollout):
		return fmt.Errorf("%w: %w", err, outbox.ErrMoot)
	case err != nil:
		return err
	}
	text, err := json.Marshal(judge.CheckSelf(rec, *sum.Last))
	if err != nil {
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	_, err = s.papers.AddDocument(ctx, journal.Document{
		Kind: kindSelfCheck, ID: j.Rollout, Name: sum.Rollout.Service, Owner: sum.Rollout.Namespace, Body: text,
	})
	if err != nil && !errors.Is(err, journal.ErrExists) {
		return err
	}
	_, err = s.papers.PruneDocuments(ctx, kindSelfCheck, s.now().Add(-checksKept))
	return err
}

// read returns the rates, as of a minute ago at the most.
func (s *selfChecks) read(ctx context.Context) ([]judge.SelfRate, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.rates != nil && now.Sub(s.at) < checksAgain && !now.Before(s.at) {
		return s.rates, s.back, nil
	}
	docs, err := s.papers.Documents(ctx, journal.DocumentFilter{Kind: kindSelfCheck, Limit: checksShown})
	if err != nil {
		return nil, 0, err
	}
	checks, back, err := s.checksOf(docs)
	if err != nil {
		return nil, 0, err
	}
	s.rates, s.back, s.at = frequent(judge.SelfRates(checks)), back, now
	return s.rates, s.back, nil
}

// Of returns the rates among a service's rollouts, and how many rollbacks of it were
// reversed. It is [webhooks.SelfChecks].
func (s *selfChecks) Of(ctx context.Context, namespace, service string) ([]judge.SelfRate, int, error) {
	docs, err := s.papers.Documents(ctx, journal.DocumentFilter{Kind: kindSelfCheck, Owner: namespace, Name: service, Limit: checksShown})
	if err != nil {
		return nil, 0, err
	}
	docs = slices.DeleteFunc(docs, func(d journal.Document) bool { return d.Owner != namespace }) // an empty one selects all
	checks, back, err := s.checksOf(docs)
	return judge.SelfRates(checks), back, err
}

// checksOf reads the checks that still count, and how many of them were reversed.
func (s *selfChecks) checksOf(docs []journal.Document) ([]judge.SelfCheck, int, error) {
	var checks []judge.SelfCheck
	back := 0
	for _, d := range docs {
		var c judge.SelfCheck
		if s.now().Sub(d.Created) > checksNewer {
			continue
		}
		if err := json.Unmarshal(d.Body, &c); err != nil {
			return nil, 0, fmt.Errorf("the self-check of rollout %s: %w", d.ID, err)
		}
		if checks = append(checks, c); c.Reversed {
			back++
		}
	}
	return checks, back, nil
}

// frequent leaves out the metrics that are seen least, where there are too many.
func frequent(rates []judge.SelfRate) []judge.SelfRate {
	slices.SortStableFunc(rates, func(a, b judge.SelfRate) int {
		return cmp.Or(cmp.Compare(min(len(a.Metric), 1), min(len(b.Metric), 1)), cmp.Compare(b.Rollouts, a.Rollouts))
	})
	return rates[:min(len(rates), 2+2*metricsShown)]
}

// Describe implements prometheus.Collector.
func (s *selfChecks) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{s.up, s.rollouts, s.alarms, s.allowed, s.chance, s.ofRollouts, s.ofAlarms, s.ofAllowed, s.ofChance, s.reversed} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Where the checks cannot be read it says so,
// and says nothing of them.
func (s *selfChecks) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		if m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...); err == nil {
			ch <- m
		}
	}
	rates, back, err := s.read(ctx)
	if err != nil {
		s.log.Error("the self-checks could not be read for /metrics", "error", err)
		send(s.up, 0)
		return
	}
	send(s.up, 1)
	send(s.reversed, float64(back))
	for _, r := range rates {
		of := []string{r.Of}
		ds := [...]*prometheus.Desc{s.rollouts, s.alarms, s.allowed, s.chance}
		if r.Metric != "" {
			of = append(of, strings.ToValidUTF8(r.Metric, "?"))
			ds = [...]*prometheus.Desc{s.ofRollouts, s.ofAlarms, s.ofAllowed, s.ofChance}
		}
		for i, v := range [...]float64{float64(r.Rollouts), float64(r.Alarms), r.Allowed, r.Chance} {
			send(ds[i], v, of...)
		}
	}
}
