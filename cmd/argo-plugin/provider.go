package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/argoproj/argo-rollouts/metricproviders/plugin/rpc"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/plugin/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How long to wait before asking again.
const (
	pollAgain  = 10 * time.Second // where Serin does not say
	guardAgain = 30 * time.Second // for a guard that has nothing to wait for
	maxAgain   = 5 * time.Minute
	maxBackoff = time.Minute // while Serin is away
)

const (
	maxMessage = 900              // bytes; it is copied into the Rollout's status
	endTime    = 10 * time.Second // for saying that a run has ended
)

// What a measurement's metadata holds: for people, and for the next call.
const (
	metaVerdict   = "verdict"
	metaScore     = "score"
	metaReport    = "report"
	metaGate      = "gate"
	metaAwaySince = "away-since" // RFC 3339: since when Serin could not be asked
	metaAwayTries = "away-tries"
)

// provider is the plugin. What a call needs is in its arguments: Argo's controller
// may restart it between any two calls.
type provider struct {
	settings    settings
	fault       error    // of the settings
	cluster     *cluster // nil outside of one
	follower    *follower
	now         func() time.Time
	environment func(string) (string, bool)
}

var _ rpc.MetricProviderPlugin = provider{}

// InitPlugin implements Argo's interface. There is nothing to prepare; faults of the
// settings are told by each measurement, since Argo drops the text of this one.
func (provider) InitPlugin() types.RpcError { return types.RpcError{} }

// Type implements Argo's interface.
func (provider) Type() string { return "serin" }

// GarbageCollect implements Argo's interface. Serin keeps its own record.
func (provider) GarbageCollect(*v1alpha1.AnalysisRun, v1alpha1.Metric, int) types.RpcError {
	return types.RpcError{}
}

// GetMetadata implements Argo's interface. Argo asks it once, without the run, so
// that the report's address is in the measurement's metadata instead.
func (p provider) GetMetadata(metric v1alpha1.Metric) map[string]string {
	c, err := configOf(metric)
	if err != nil {
		return nil // the measurement says what is wrong
	}
	out := map[string]string{}
	if u := c.url; u != nil {
		out["serin"] = u.String()
	} else if p.settings.url != nil {
		out["serin"] = p.settings.url.String()
	}
	if c.plan != "" {
		out["plan"] = c.plan
	}
	if c.gate != "" {
		out[metaGate] = string(c.gate)
	}
	return out
}

// Run implements Argo's interface: it asks for the first time.
func (p provider) Run(run *v1alpha1.AnalysisRun, metric v1alpha1.Metric) v1alpha1.Measurement {
	started := metav1.NewTime(p.now())
	return p.measure(run, metric, v1alpha1.Measurement{StartedAt: &started})
}

// Resume implements Argo's interface: it asks again.
func (p provider) Resume(run *v1alpha1.AnalysisRun, metric v1alpha1.Metric, m v1alpha1.Measurement) v1alpha1.Measurement {
	return p.measure(run, metric, m)
}

// measure asks once and says what it means.
func (p provider) measure(run *v1alpha1.AnalysisRun, metric v1alpha1.Metric, m v1alpha1.Measurement) v1alpha1.Measurement {
	p.follower.heard(keyOf(run, metric.Name))
	q, err := p.question(run, metric)
	if err != nil {
		return p.finish(m, v1alpha1.AnalysisPhaseError, err.Error())
	}
	m = p.answered(q, m)
	if m.Phase == v1alpha1.AnalysisPhaseRunning {
		p.follow(q, run, metric.Name, m)
	}
	return m
}

// answered asks once and puts the answer into a measurement.
func (p provider) answered(q question, m v1alpha1.Measurement) v1alpha1.Measurement {
	a, err := q.server.ask(context.Background(), q.call)
	var gone *away
	switch {
	case errors.As(err, &gone):
		return p.wait(m, q.config, gone)
	case err != nil:
		return p.finish(m, v1alpha1.AnalysisPhaseError, err.Error())
	}
	m.Metadata = map[string]string{
		metaVerdict: a.Verdict, metaGate: string(q.gate), metaScore: strconv.FormatFloat(a.Score, 'f', -1, 64),
	}
	if a.Report != "" {
		m.Metadata[metaReport] = a.Report
	}
	m.Value = a.Verdict
	text := said(a)
	switch {
	case a.Verdict == wordFail:
		return p.finish(m, v1alpha1.AnalysisPhaseFailed, text)
	case a.Verdict == wordRunning, q.gate == gateGuard:
		return p.again(m, againOf(a, q.gate), text)
	case a.Verdict == wordPass:
		return p.finish(m, v1alpha1.AnalysisPhaseSuccessful, text)
	}
	return p.finish(m, v1alpha1.AnalysisPhaseInconclusive, text)
}

// said is an answer in one line: the reason, and where to read on.
func said(a answer) string {
	if a.Report == "" || len(a.Report) > maxMessage/2 {
		return shorten(a.Reason, maxMessage)
	}
	return shorten(a.Reason, maxMessage-len(a.Report)-len("; ")) + "; " + a.Report
}

// againOf returns when to ask again.
func againOf(a answer, g gate) time.Duration {
	d := time.Duration(a.RetryAfterSeconds) * time.Second
	switch {
	case d <= 0 && g == gateGuard:
		d = guardAgain
	case d <= 0:
		d = pollAgain
	}
	return min(d, maxAgain)
}

// again leaves a measurement running.
func (p provider) again(m v1alpha1.Measurement, after time.Duration, text string) v1alpha1.Measurement {
	at := metav1.NewTime(p.now().Add(after))
	m.Phase, m.ResumeAt, m.Message = v1alpha1.AnalysisPhaseRunning, &at, shorten(text, maxMessage)
	return m
}

// finish ends a measurement.
func (p provider) finish(m v1alpha1.Measurement, phase v1alpha1.AnalysisPhase, text string) v1alpha1.Measurement {
	at := metav1.NewTime(p.now())
	m.Phase, m.FinishedAt, m.ResumeAt, m.Message = phase, &at, nil, shorten(text, maxMessage)
	return m
}

// wait leaves a measurement running while Serin is away, until patience ends. How
// long it has been away is in the metadata. It is never a success.
func (p provider) wait(m v1alpha1.Measurement, c config, gone *away) v1alpha1.Measurement {
	since, tries := awayOf(m, p.now())
	tries++
	old := m.Metadata
	m.Metadata = map[string]string{metaAwaySince: since.UTC().Format(time.RFC3339Nano), metaAwayTries: strconv.Itoa(tries)}
	for _, k := range [...]string{metaVerdict, metaScore, metaReport, metaGate} { // what was known before
		if v := old[k]; v != "" {
			m.Metadata[k] = v
		}
	}
	left := c.patience - p.now().Sub(since)
	if left <= 0 {
		return p.finish(m, v1alpha1.AnalysisPhaseError, fmt.Sprintf("no answer from Serin for %s, which is this metric's patience; %s", c.patience, gone.text))
	}
	after := min(pollAgain<<min(tries-1, 10), maxBackoff)
	after = min(max(after, gone.after), max(left, time.Second), maxAgain)
	return p.again(m, after, fmt.Sprintf("waiting for Serin since %s, try %d: %s", since.UTC().Format(time.RFC3339), tries, gone.text))
}

// awayOf reads since when Serin has been away, and how often it was asked since.
// Metadata that does not say so begins anew.
func awayOf(m v1alpha1.Measurement, now time.Time) (time.Time, int) {
	since, err := time.Parse(time.RFC3339Nano, m.Metadata[metaAwaySince])
	tries, wrong := strconv.Atoi(m.Metadata[metaAwayTries])
	if err != nil || wrong != nil || since.After(now) || tries < 0 {
		return now, 0
	}
	return since, tries
}

// question is a call that can be sent.
type question struct {
	config config
	gate   gate
	call   call
	server server
}

// question reads a metric and the run.
func (p provider) question(run *v1alpha1.AnalysisRun, metric v1alpha1.Metric) (question, error) {
	if p.fault != nil {
		return question{}, p.fault
	}
	c, err := configOf(metric)
	if err != nil {
		return question{}, err
	}
	q := question{config: c, gate: c.gateOf(run), server: server{url: c.url, token: c.token, roots: p.settings.roots, timeout: c.timeout}}
	if q.call, err = newCall(run, c); err != nil {
		return q, err
	}
	if q.server.url == nil {
		q.server.url = p.settings.url
	}
	switch {
	case q.server.url == nil:
		return q, errors.New("the metric's configuration: url: missing, and argo-rollouts-config has no --url for this plugin either")
	case c.token != "" && !fromSecret(run, metric.Name):
		return q, errors.New(`the metric's configuration: token: write "{{args.NAME}}" with an argument whose value is from a secret (valueFrom.secretKeyRef); a token is never written into a template`)
	case c.token == "" && sameServer(q.server.url, p.settings.url):
		q.server.token, err = p.settings.token(p.environment)
	}
	if c.ca != "" && err == nil {
		q.server.roots, err = rootsWith(c.ca)
	}
	return q, err
}

// configOf reads a metric's configuration, whatever name the plugin was given.
func configOf(metric v1alpha1.Metric) (config, error) {
	for _, raw := range metric.Provider.Plugin {
		return readConfig(raw) // Argo allows exactly one
	}
	return config{}, errors.New("the metric has no plugin's configuration")
}

var argument = regexp.MustCompile(`^\{\{\s*args\.([^{}\s]+)\s*\}\}$`)

// fromSecret reports whether a metric's token is nothing but an argument from a
// secret. The run has the metric as it was written.
func fromSecret(run *v1alpha1.AnalysisRun, metric string) bool {
	i := slices.IndexFunc(run.Spec.Metrics, func(m v1alpha1.Metric) bool { return m.Name == metric })
	if i < 0 {
		return false
	}
	for _, raw := range run.Spec.Metrics[i].Provider.Plugin {
		var written struct {
			Token string `json:"token"`
		}
		if json.Unmarshal(raw, &written) != nil {
			return false
		}
		found := argument.FindStringSubmatch(written.Token)
		return len(found) == 2 && slices.ContainsFunc(run.Spec.Args, func(a v1alpha1.Argument) bool {
			return a.Name == found[1] && a.ValueFrom != nil && a.ValueFrom.SecretKeyRef != nil
		})
	}
	return false
}
