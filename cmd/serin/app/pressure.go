package app

import (
	"log/slog"
	"time"

	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/share"
	"github.com/serin-canary/serin/webhooks"
)

// Limits bound what the server asks of its sources, what it reads of their answers
// and how long it keeps callers waiting. Zero fields mean the defaults.
type Limits struct {
	// AnswerWithin is how soon each controller is answered (default 8s).
	AnswerWithin AnswerWithin `yaml:"answerWithin"`
	// Looks is how many looks may be under way for callers at once (default 256).
	Looks int `yaml:"looks"`
	// Queries is how many questions a source answers at once (default 16), and Queue
	// how many more may wait (default 4096).
	Queries int `yaml:"queries"`
	Queue   int `yaml:"queue"`
	// Keep is how long an answer serves rollouts with the same question (default 10s).
	Keep time.Duration `yaml:"keep"`
	// KeepBytes bounds what is kept of each source (default 32 MiB).
	KeepBytes int `yaml:"keepBytes"`
	// Answer bounds one answer of a source.
	Answer Answer `yaml:"answer"`
}

// AnswerWithin has a bound for each controller that gives up by itself.
type AnswerWithin struct {
	Flagger time.Duration `yaml:"flagger"`
	Argo    time.Duration `yaml:"argo"`
}

// Answer bounds one answer: what is beyond is not read.
type Answer struct {
	Bytes  int `yaml:"bytes"`  // default 16777216
	Series int `yaml:"series"` // default 20000
	Points int `yaml:"points"` // default 1000000
}

// check reports what cannot be meant.
func (l Limits) check(fault func(path, format string, args ...any)) {
	for _, n := range []struct {
		path string
		n    int
		most int
	}{
		{"looks", l.Looks, 100_000}, {"queries", l.Queries, 10_000}, {"queue", l.Queue, 10_000_000}, {"keepBytes", l.KeepBytes, 8 << 30},
		{"answer.bytes", l.Answer.Bytes, 1 << 30}, {"answer.series", l.Answer.Series, 10_000_000}, {"answer.points", l.Answer.Points, 1_000_000_000},
	} {
		if n.n < 0 || n.n > n.most {
			fault("limits."+n.path, "%d is out of bounds; write a number up to %d, or leave it out for the default", n.n, n.most)
		}
	}
	for _, d := range []struct {
		path string
		d    time.Duration
	}{{"flagger", l.AnswerWithin.Flagger}, {"argo", l.AnswerWithin.Argo}} {
		if d.d != 0 && (d.d < time.Second || d.d > time.Minute) {
			fault("limits.answerWithin."+d.path, "%s is no time to answer in; write 1s to 1m, a little less than the caller's own timeout", d.d)
		}
	}
	if l.Keep < 0 || l.Keep > time.Minute {
		fault("limits.keep", "%s is no time to keep answers for; write up to 1m, or leave it out for 10s", l.Keep)
	}
}

// pressure returns the part that concerns callers.
func (l Limits) pressure() webhooks.Pressure {
	return webhooks.Pressure{Flagger: l.AnswerWithin.Flagger, Argo: l.AnswerWithin.Argo, Looks: l.Looks}
}

// answers returns the part that concerns one answer.
func (l Limits) answers() prometheus.Limits {
	return prometheus.Limits{Bytes: l.Answer.Bytes, Series: l.Answer.Series, Points: l.Answer.Points}
}

// openShared makes the configured stores, each with a queue before it that all
// rollouts share.
func openShared(cs []Source, l Limits, log *slog.Logger) (*Sources, error) {
	s, err := openSources(cs, l, log)
	if err != nil {
		return nil, err
	}
	for name, store := range s.stores {
		shared := share.New(store, share.Config{
			Name: name, Concurrency: l.Queries, Queue: l.Queue, Keep: l.Keep, KeepBytes: l.KeepBytes,
		})
		s.stores[name] = shared
		s.queues = append(s.queues, shared.Collector())
	}
	return s, nil
}
