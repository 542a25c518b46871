package promcheck_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/promcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pods are values of pods that are called by their numbers, from 0.
func pods(values ...float64) []promcheck.Sample {
	var out []promcheck.Sample
	for i, v := range values {
		out = append(out, promcheck.Sample{Value: v, Labels: map[string]string{"__name__": "up", "pod": fmt.Sprint(i)}})
	}
	return out
}

func run(t *testing.T, samples []promcheck.Sample, err error, c checks.Prometheus) checks.Result {
	t.Helper()
	at := time.Unix(1000, 0)
	r := promcheck.New(promcheck.Config{
		Clock: checks.Clock{Now: func() time.Time { return at }},
		Ask: func(_ context.Context, source, query string, when time.Time) ([]promcheck.Sample, error) {
			if source != "main" || query != `up{pod=~"shop.*"}` || !when.Equal(at) {
				t.Errorf("got asked %s for %s at %s", source, query, when)
			}
			return samples, err
		},
	})
	c.Source = "main"
	if c.Query == "" {
		c.Query = `up{pod=~"{{ .Canary.Workload }}.*"}`
	}
	return r.Run(t.Context(), checks.Spec{Name: "x", Prometheus: &c}, checks.Target{Canary: checks.Arm{Workload: "shop"}})
}

func TestConditions(t *testing.T) {
	positive := []string{"value > 0"}
	nan := math.NaN()
	for name, c := range map[string]struct {
		samples []promcheck.Sample
		check   checks.Prometheus
		status  checks.Status
		said    string
	}{
		"one":            {pods(2.5), checks.Prometheus{Assert: positive}, checks.Passed, `PromQL up{pod=~"shop.*"} is 2.5`},
		"not one":        {pods(0), checks.Prometheus{Assert: positive}, checks.Failed, "is not as it must be: the assertion value > 0 does not hold: value is 0 of {pod=0}"},
		"no labels":      {[]promcheck.Sample{{Value: -1}}, checks.Prometheus{Assert: positive}, checks.Failed, "does not hold: value is -1"},
		"all":            {pods(1, 2, 3), checks.Prometheus{Assert: positive}, checks.Passed, "holds for all of 3 series"},
		"not all":        {pods(1, 0, 3, -1), checks.Prometheus{Assert: positive}, checks.Failed, "does not hold for 2 of 4 series: the assertion value > 0 does not hold: value is 0 of {pod=1}"},
		"any":            {pods(0, 2), checks.Prometheus{Assert: positive, Any: true}, checks.Passed, "holds for 1 of 2 series, and one suffices"},
		"not any":        {pods(0, -2), checks.Prometheus{Assert: positive, Any: true}, checks.Failed, "holds for none of 2 series, and one is wanted: "},
		"any beside NaN": {pods(nan, 2), checks.Prometheus{Assert: positive, Any: true}, checks.Passed, "holds for 1 of 2 series"},
		"no data":        {nil, checks.Prometheus{Assert: positive}, checks.Failed, "has no data, so that nothing is known"},
		"no data, any":   {nil, checks.Prometheus{Assert: []string{"count == 0"}, Any: true}, checks.Failed, "has no data"},
		"NaN":            {pods(nan), checks.Prometheus{Assert: []string{"value != 0", "!(value > 1)"}}, checks.Failed, "is NaN of {pod=0}, which is no value"},
		"all NaN":        {pods(nan, nan), checks.Prometheus{Assert: positive, Any: true}, checks.Failed, "is NaN in all 2 series"},
		"endless":        {pods(math.Inf(1)), checks.Prometheus{Assert: []string{"value < 9"}}, checks.Failed, "value is +Inf"},
		"the whole":      {pods(1, 3), checks.Prometheus{Assert: []string{"count == 2 && sum(values) < 5"}}, checks.Passed, "has 2 series as it must"},
		"not the whole":  {pods(1, 3), checks.Prometheus{Assert: []string{"count > 2"}}, checks.Failed, "has 2 series, but the assertion count > 2 does not hold: count is 2"},
		"both":           {pods(1, 3), checks.Prometheus{Assert: []string{"count == 2", "value >= max(values) - 2"}}, checks.Passed, "holds for all of 2 series"},
		"too many":       {pods(make([]float64, 1001)...), checks.Prometheus{Assert: positive}, checks.Failed, "has 1001 series, and more than 1000 are not looked at"},
		"nothing":        {pods(1), checks.Prometheus{}, checks.Broken, "it asserts nothing"},
		"another word":   {pods(1), checks.Prometheus{Assert: []string{"status == 200"}}, checks.Broken, "speaks of value, values and count"},
		"no such fact":   {pods(1), checks.Prometheus{Query: "{{ .Nope }}", Assert: positive}, checks.Broken, "its query cannot be filled in"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, c.samples, nil, c.check); got.Status != c.status || !strings.Contains(got.Reason, c.said) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

// TestLabels ensures that what a store says of a series is shown inert and short.
func TestLabels(t *testing.T) {
	long := map[string]string{"a": strings.Repeat("x", 5000), "token": "hunter2", "z": "\x1b[31m"}
	got := run(t, []promcheck.Sample{{Labels: long}}, nil, checks.Prometheus{Assert: []string{"value > 0"}})
	if got.Status != checks.Failed || strings.Contains(got.Reason, "hunter2") || strings.ContainsRune(got.Reason, '\x1b') || len(got.Reason) > 600 {
		t.Errorf("got %s: %s, want it short and without the token", got.Status, got.Reason)
	}
}

func TestNoAnswer(t *testing.T) {
	got := run(t, nil, errors.New(`source "main": unavailable: connection refused`), checks.Prometheus{Assert: []string{"value > 0"}})
	if got.Status != checks.Broken || !strings.Contains(got.Reason, `was not answered: source "main": unavailable`) {
		t.Errorf("got %s: %s, want it broken by the store", got.Status, got.Reason)
	}
	c := checks.Prometheus{Source: "main", Query: "up", Assert: []string{"value > 0"}, Within: 20 * time.Millisecond}
	r := promcheck.New(promcheck.Config{Ask: func(ctx context.Context, _, _ string, _ time.Time) ([]promcheck.Sample, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	if got := r.Run(t.Context(), checks.Spec{Prometheus: &c}, checks.Target{}); got.Status != checks.Broken || !strings.Contains(got.Reason, "it took longer than it may") {
		t.Errorf("got %s: %s, want it broken by time", got.Status, got.Reason)
	}
	for _, r := range []checks.Result{
		promcheck.New(promcheck.Config{}).Run(t.Context(), checks.Spec{Prometheus: &c}, checks.Target{}),
		promcheck.New(promcheck.Config{}).Run(t.Context(), checks.Spec{}, checks.Target{}),
	} {
		if r.Status != checks.Broken {
			t.Errorf("got %s: %s, want it broken", r.Status, r.Reason)
		}
	}
}
