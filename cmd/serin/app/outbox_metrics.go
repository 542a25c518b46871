package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// workMetrics shows how the work stands. It reads the journal at each scrape, so
// every replica shows the same; attempts and breakers are this process's own.
type workMetrics struct {
	queue *outbox.Queue
	now   func() time.Time
	log   *slog.Logger

	up, depth, oldest, attempts, breaker *prometheus.Desc
}

func newWorkMetrics(q *outbox.Queue, log *slog.Logger) *workMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("serin_work_"+name, help, labels, nil)
	}
	return &workMetrics{
		queue: q, now: time.Now, log: log,
		up:       desc("up", "1 where the work could be counted for this scrape."),
		depth:    desc("jobs", "Work that is recorded, by how it stands.", "kind", "state"),
		oldest:   desc("oldest_seconds", "For how long the oldest queued work has been due, and since when the oldest dead letter was added.", "kind", "state"),
		attempts: desc("attempts_total", "Attempts of this process, by result: done, failed, or refused for good.", "kind", "result"),
		breaker:  desc("breaker_open", "1 where this process lets a target that failed again and again rest.", "target"),
	}
}

// Describe implements prometheus.Collector.
func (m *workMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{m.up, m.depth, m.oldest, m.attempts, m.breaker} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *workMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		if s, err := prometheus.NewConstMetric(d, t, v, labels...); err == nil {
			ch <- s
		}
	}
	s, err := m.queue.Stats(ctx)
	if err != nil {
		m.log.Error("the work could not be counted for /metrics", "error", err)
		send(m.up, prometheus.GaugeValue, 0)
		return
	}
	send(m.up, prometheus.GaugeValue, 1)
	for _, c := range s.Counts {
		send(m.depth, prometheus.GaugeValue, float64(c.Works), c.Kind, string(c.State))
		if c.State == outbox.Queued || c.State == outbox.Dead {
			send(m.oldest, prometheus.GaugeValue, max(m.now().Sub(c.Oldest), 0).Seconds(), c.Kind, string(c.State))
		}
	}
	for a, n := range s.Attempts {
		send(m.attempts, prometheus.CounterValue, float64(n), a.Kind, a.Result)
	}
	for target, open := range s.Breakers {
		v := 0.0
		if open {
			v = 1
		}
		send(m.breaker, prometheus.GaugeValue, v, target)
	}
}
