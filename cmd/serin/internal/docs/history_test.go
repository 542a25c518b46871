package docs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// shop is one arm of a service, as its pods are counted.
type shop struct {
	family, code, duration string   // of its metrics, without suffixes; the label with the status
	arm                    string   // labels of the arm
	bounds                 []string // of the histogram's buckets
	share, perSecond       float64  // of requests that fail; requests
	sums                   [2]shopSum
}

// shopSum is what a pod has counted so far.
type shopSum struct{ good, bad, fast, middle, seconds float64 }

// shops are what the Prometheus of these tests has: under Istio "checkout", whose canary is
// like its baseline, and "payments", whose canary fails; and "search", which counts its own
// requests.
func shops() []*shop {
	var out []*shop
	for _, s := range []struct {
		service string
		share   float64
	}{{"checkout", 0.005}, {"payments", 0.08}} {
		for _, workload := range []string{s.service + "-primary", s.service} {
			mesh := &shop{
				family: "istio_requests", code: "response_code", duration: "istio_request_duration_milliseconds", bounds: []string{"50", "100"},
				arm:   fmt.Sprintf(`reporter="destination",destination_workload_namespace="shop",destination_workload=%q`, workload),
				share: 0.005, perSecond: 40,
			}
			if workload == s.service {
				mesh.share, mesh.perSecond = s.share, 20
			}
			out = append(out, mesh)
		}
	}
	for _, track := range []string{"stable", "canary"} {
		out = append(out, &shop{
			family: "http_requests", code: "code", duration: "http_request_duration_seconds", bounds: []string{"0.05", "0.1"},
			arm: fmt.Sprintf(`service="search",namespace="shop",track=%q`, track), share: 0.005, perSecond: 30,
		})
	}
	return out
}

// history is the shops' past: from an hour and a half ago until some minutes from now, so
// that what asks a little later finds samples, too.
func history(now time.Time) string {
	const step = 15 * time.Second
	var h promtest.History
	all, luck := shops(), rand.New(rand.NewPCG(1, 1))
	for at := now.Add(-90 * time.Minute).Truncate(step); at.Before(now.Add(20 * time.Minute)); at = at.Add(step) {
		for _, s := range all {
			for pod := range s.sums {
				s.sample(&h, at, pod, s.perSecond*step.Seconds(), luck)
			}
		}
	}
	return h.String()
}

// sample adds what one pod has counted after n more requests, more or less.
func (s *shop) sample(h *promtest.History, at time.Time, pod int, n float64, luck *rand.Rand) {
	sum := &s.sums[pod]
	total := math.Round(n + luck.NormFloat64()*math.Sqrt(n))
	failed := math.Round(total*s.share + luck.Float64() - 0.5)
	slow := math.Round(total*0.1 + 2*luck.Float64() - 1)
	sum.good, sum.bad, sum.seconds = sum.good+total-failed, sum.bad+failed, sum.seconds+total*0.03
	sum.fast, sum.middle = sum.fast+total-slow, sum.middle+total-math.Round(slow/10)
	labels := fmt.Sprintf(`%s,pod="%s-%d",instance="10.0.0.%d:80"`, s.arm, s.family, pod, pod)
	count := func(code string, v float64) {
		h.Add(promtest.Metric{Family: s.family, Kind: "counter", Suffix: "_total", Labels: labels + fmt.Sprintf(",%s=%q", s.code, code)}, at, v)
	}
	count("200", sum.good)
	count("503", sum.bad)
	part := func(suffix, more string, v float64) {
		h.Add(promtest.Metric{Family: s.duration, Kind: "histogram", Suffix: suffix, Labels: labels + more}, at, v)
	}
	all := sum.good + sum.bad
	part("_bucket", `,le="`+s.bounds[0]+`"`, sum.fast)
	part("_bucket", `,le="`+s.bounds[1]+`"`, sum.middle)
	part("_bucket", `,le="+Inf"`, all)
	part("_sum", "", sum.seconds)
	part("_count", "", all)
}
