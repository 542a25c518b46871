package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/notify"
)

// notices is the configuration of those who are told of rollouts.
type notices []notify.Target

func (n notices) check(fault func(path, format string, args ...any)) {
	notify.Check(n, "notify", fault)
}

// openNotices opens the targets; without any it tells nobody. Operators name the hosts,
// so that every network may be reached but where clouds keep credentials.
func openNotices(c Config, now func() time.Time, log *slog.Logger) (*notify.Notices, error) {
	reach := Outgoing{}.ForChecks()
	client := reach.client()
	client.Timeout = 20 * time.Second
	out := notify.Config{Targets: c.Notify, BaseURL: c.BaseURL, Client: client, Dial: reach.dialer().DialContext, Now: now, Log: log}
	if g := c.Publish.Dashboards.Grafana; g != nil {
		out.Board = func(id string) string { return strings.TrimRight(g.URL, "/") + "/d/" + dashboards.UID(id) }
	}
	return notify.New(out)
}

// dialer returns a dialer that dials only what may be reached.
func (r Reach) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%q is no address: %w", address, outbox.ErrPermanent)
		}
		if err := r.Guard(to); err != nil {
			return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
		}
		return nil
	}}
}

// notices asks every target's service whether it would take messages, for serin doctor.
func (x *examination) notices(ctx context.Context) {
	if len(x.c.Notify) == 0 {
		return
	}
	const next = "mend it under notify in the configuration, or at the service; verdicts do not need it"
	n, err := openNotices(x.c, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		x.add(Diagnosis{"notify", Ill, oneLine(err), next})
		return
	}
	for _, p := range n.Probe(ctx) {
		part := "notify " + p.Target
		if p.Err != nil {
			x.add(Diagnosis{part, Ill, p.Kind + ": " + oneLine(p.Err), next})
			continue
		}
		x.add(Diagnosis{Part: part, Health: Well, Text: p.Kind + ": " + p.Text})
	}
	if x.c.BaseURL == "" {
		x.add(Diagnosis{"notify", Doubt, "notices have no link to the report: how people reach this server is not said", "write baseURL, for example https://serin.example.com"})
	}
}

// noticeMetrics shows what became of notices of this process.
type noticeMetrics struct {
	notices *notify.Notices
	total   *prometheus.Desc
}

func newNoticeMetrics(n *notify.Notices) noticeMetrics {
	return noticeMetrics{n, prometheus.NewDesc("serin_notices_total",
		"Notices of this process, by target and result: sent, updated, failed, or dropped since their rollout was long over.", []string{"target", "result"}, nil)}
}

// Describe implements prometheus.Collector.
func (m noticeMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- m.total }

// Collect implements prometheus.Collector.
func (m noticeMetrics) Collect(ch chan<- prometheus.Metric) {
	for c, n := range m.notices.Counts() {
		if x, err := prometheus.NewConstMetric(m.total, prometheus.CounterValue, float64(n), c.Target, c.Result); err == nil {
			ch <- x
		}
	}
}
