package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample draws many fates of a pod that has served that many requests before.
func sample(b behaviour, served int) (median, p99 time.Duration, failing float64) {
	const n = 20_000
	r := rand.New(rand.NewPCG(1, 2))
	ts := make([]time.Duration, n)
	bad := 0
	for i := range ts {
		f := b.draw(r, served)
		ts[i] = f.takes
		if f.fails {
			bad++
		}
	}
	slices.Sort(ts)
	return ts[n/2], ts[n*99/100], float64(bad) / n
}

func TestCanariesBehaveAsTheirScenariosAreTold(t *testing.T) {
	base, base99, _ := sample(baselineBehaviour(), 0)
	if base < 19*time.Millisecond || base > 21*time.Millisecond {
		t.Errorf("baseline's median: got %s, want about 20 ms", base)
	}
	for _, c := range []struct {
		scenario    Scenario
		served      int
		median, p99 [2]float64 // bounds of the ratio to the baseline
		failing     [2]float64
	}{
		{Healthy, 1000, [2]float64{0.99, 1.01}, [2]float64{0.95, 1.05}, [2]float64{0.0015, 0.0045}},
		{Errors, 1000, [2]float64{0.97, 1.03}, [2]float64{0.9, 1.1}, [2]float64{0.038, 0.048}},
		{Slow, 0, [2]float64{1.55, 1.65}, [2]float64{1.5, 1.7}, [2]float64{0.0015, 0.0045}},
		{Tail, 0, [2]float64{1, 1.1}, [2]float64{2.5, 7}, [2]float64{0.0015, 0.0045}},
		{Leak, 0, [2]float64{0.99, 1.01}, [2]float64{0.95, 1.05}, [2]float64{0.0015, 0.0045}},
		{Leak, 500, [2]float64{1.9, 2.1}, [2]float64{1.9, 2.1}, [2]float64{0.0015, 0.0045}},
		{Silent, 0, [2]float64{0.99, 1.01}, [2]float64{0.95, 1.05}, [2]float64{0.0015, 0.0045}},
	} {
		t.Run(string(c.scenario), func(t *testing.T) {
			median, p99, failing := sample(canaryBehaviour(c.scenario), c.served)
			within(t, "median ratio", median.Seconds()/base.Seconds(), c.median)
			within(t, "p99 ratio", p99.Seconds()/base99.Seconds(), c.p99)
			within(t, "failing", failing, c.failing)
		})
	}
}

func within(t *testing.T, what string, got float64, want [2]float64) {
	t.Helper()
	if got < want[0] || got > want[1] {
		t.Errorf("%s: got %.4g, want %.4g to %.4g", what, got, want[0], want[1])
	}
}

func TestNoRequestTakesForEver(t *testing.T) {
	_, p99, _ := sample(canaryBehaviour(Leak), 1_000_000)
	if p99 != mostService {
		t.Errorf("p99 of a pod that has leaked for long: got %s, want the cap %s", p99, mostService)
	}
}

func TestEveryScenarioHasAStory(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if got, err := ParseScenario(string(s)); err != nil || got != s {
			t.Errorf("ParseScenario(%q): got %q, %v", s, got, err)
		}
		if story := s.Story(); story == "unknown scenario" || seen[story] {
			t.Errorf("story of %s: got %q", s, story)
		}
		seen[s.Story()] = true
	}
	_, err := ParseScenario("heathy")
	if err == nil || !strings.Contains(err.Error(), "healthy, errors, slow, tail, leak, silent") {
		t.Errorf("unknown scenario: got %v, want the known ones named", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// families reads a pod's metrics page.
func families(t *testing.T, p *pod) map[string]*dto.MetricFamily {
	t.Helper()
	_, page := get(t, p.url("/metrics"))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	fs, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatalf("metrics page: %v", err)
	}
	return fs
}

func TestPodServesAndCounts(t *testing.T) {
	does := behaviour{failing: 1, slower: 1, tailTimes: 1, retain: 1000}
	p, err := startPod(t.Context(), podSpec{name: "checkout-canary-1", does: does, seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	const n = 20
	began := time.Now()
	for range n {
		if code, _ := get(t, p.url("/buy")); code != http.StatusInternalServerError {
			t.Fatalf("status: got %d, want 500 of a pod that always fails", code)
		}
	}
	took := time.Since(began).Seconds()

	fs := families(t, p)
	counter := fs["http_requests_total"].GetMetric()
	if len(counter) != 1 || counter[0].GetCounter().GetValue() != n || counter[0].GetLabel()[0].GetValue() != "500" {
		t.Errorf("http_requests_total: got %v, want %d with code 500", counter, n)
	}
	h := fs["http_request_duration_seconds"].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != n || h.GetSampleSum() > took || h.GetSampleSum() < n*leastService.Seconds() {
		t.Errorf("latencies: got %d in %.3f s, want %d in at least %.3f s and at most the %.3f s that it took",
			h.GetSampleCount(), h.GetSampleSum(), n, n*leastService.Seconds(), took)
	}
	if got, want := fs["process_resident_memory_bytes"].GetMetric()[0].GetGauge().GetValue(), float64(podBase+n*1000); got != want {
		t.Errorf("memory: got %v, want %v", got, want)
	}
	if got := fs["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue(); got <= 0 || got > took {
		t.Errorf("CPU: got %v s, want some of %.3f s", got, took)
	}
	if code, body := get(t, p.url("/health")); code != http.StatusOK || strings.TrimSpace(body) != `{"status":"ok"}` {
		t.Errorf("health: got %d %q", code, body)
	}
}

func TestPodsBucketsLetAFactorOfTheMarginThrough(t *testing.T) {
	bs := podBuckets()
	for i := 1; i < len(bs); i++ {
		if bs[i]/1.5 > bs[i-1] {
			t.Errorf("bound %v over the margin 1.5 lies above its neighbour %v", bs[i], bs[i-1])
		}
	}
}

// counts sums the requests of pods.
func counts(t *testing.T, ps []*pod) (n float64) {
	t.Helper()
	for _, p := range ps {
		for _, m := range families(t, p)["http_requests_total"].GetMetric() {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}

func TestUsersGoWhereTheWeightSendsThem(t *testing.T) {
	for _, c := range []struct {
		scenario Scenario
		weight   int
		share    [2]float64
	}{
		{Healthy, 0, [2]float64{0, 0}},
		{Healthy, 40, [2]float64{0.3, 0.5}}, // 300 users: σ is 2.8 %
		{Silent, 40, [2]float64{0, 0}},
	} {
		svc, err := startService(t.Context(), "checkout", c.scenario, 1)
		if err != nil {
			t.Fatal(err)
		}
		u := newUsers(svc, c.scenario, 1000, 1)
		u.most = 300
		u.SetWeight(c.weight)
		u.run(t.Context())

		canary, all := counts(t, svc.canary), counts(t, svc.canary)+counts(t, svc.baseline)
		if all+float64(u.dropped.Load()) != 300 || all < 200 {
			t.Errorf("%s: %v requests were served and %d dropped, want 300 in all", c.scenario, all, u.dropped.Load())
		}
		within(t, string(c.scenario)+" share", canary/all, c.share)
		svc.stop()
	}
}

func TestUsersLeaveWhenTheDemoEnds(t *testing.T) {
	svc, err := startService(t.Context(), "checkout", Healthy, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer svc.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	newUsers(svc, Healthy, 200, 1).run(ctx) // returns, or the test times out
}

func TestUsersOfAMachineThatWasAwayDoNotComeAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := arrivals{rate: 100, rand: rand.New(rand.NewPCG(1, 1)), next: time.Now()}
		time.Sleep(time.Hour) // the fake clock's: the machine is suspended
		n := 0
		for begin := time.Now(); !a.draw().After(begin); n++ {
		}
		if n > 200 {
			t.Errorf("%d users came at once after an hour, want at most those of one or two seconds", n)
		}
	})
}
