package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/judge"
)

// pinger is a part that is asked.
type pinger func(context.Context) error

func (p pinger) Ping(ctx context.Context) error { return p(ctx) }

func TestReadiness(t *testing.T) {
	well := pinger(func(context.Context) error { return nil })
	for name, tt := range map[string]struct {
		parts map[string]Pinger
		code  int
		want  string
	}{
		"nothing to ask": {nil, 200, `{"ok":true,"parts":[]}`},
		"all well":       {map[string]Pinger{"source b": well, "journal": well}, 200, `{"ok":true,"parts":[{"name":"journal","ok":true,"why":""},{"name":"source b","ok":true,"why":""}]}`},
		"one is not": {map[string]Pinger{"journal": well, "source": pinger(func(context.Context) error { return errBroken })}, 503,
			`{"ok":false,"parts":[{"name":"journal","ok":true,"why":""},{"name":"source","ok":false,"why":"the source at https://…@prometheus/q?… is gone"}]}`},
		"one panics": {map[string]Pinger{"source": pinger(func(context.Context) error { panic("oh") })}, 503,
			`{"ok":false,"parts":[{"name":"source","ok":false,"why":"it panicked: oh"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Ready = tt.parts })
			if a := w.want(w.do("GET", "/readyz", ""), tt.code); a.body != tt.want+"\n" {
				t.Errorf("got %s, want %s", a.body, tt.want)
			}
		})
	}
}

// TestPartsThatHang runs in a bubble, where two seconds pass at once.
func TestPartsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan bool)
		r := newReadiness(map[string]Pinger{
			"deaf":    pinger(func(context.Context) error { asked.Add(1); <-release; return nil }),
			"patient": pinger(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
			"well":    pinger(func(context.Context) error { return nil }),
		}, nil, time.Now)
		begun := time.Now()
		got := r.look(t.Context())
		if took := time.Since(begun); took != pingTime {
			t.Errorf("got an answer after %v, want all asked at once and given up after %v", took, pingTime)
		}
		if got.OK || got.Parts[0].OK || got.Parts[1].OK || !got.Parts[2].OK {
			t.Errorf("got %+v, want only the last well", got)
		}
		time.Sleep(time.Minute) // in the bubble
		if got = r.look(t.Context()); asked.Load() != 1 || !strings.Contains(got.Parts[0].Why, "not yet answered") {
			t.Errorf("got %+v after %d questions, want the deaf part asked once", got, asked.Load())
		}
		close(release)
		synctest.Wait()
		time.Sleep(time.Minute)
		if got = r.look(t.Context()); asked.Load() != 2 || !got.Parts[0].OK {
			t.Errorf("got %+v after %d questions, want it asked again and well", got, asked.Load())
		}
	})
}

// What no verdict needs is shown, and does not make the server unready.
func TestReadinessBeside(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Ready = map[string]Pinger{"journal": pinger(func(context.Context) error { return nil })}
		c.Beside = map[string]Pinger{"publishing": pinger(func(context.Context) error { return errors.New("grafana is away") })}
	})
	want := `{"ok":true,"parts":[{"name":"journal","ok":true,"why":""},{"name":"publishing","ok":false,"why":"grafana is away","beside":true}]}`
	if a := w.want(w.do("GET", "/readyz", ""), 200); a.body != want+"\n" {
		t.Errorf("got %s, want %s", a.body, want)
	}
}

func TestReadinessStandsForAMoment(t *testing.T) {
	asked := 0
	w := newWorld(t, func(c *Config) {
		c.Ready = map[string]Pinger{"source": pinger(func(context.Context) error { asked++; return errors.New("gone") })}
	})
	for range 5 {
		w.want(w.do("GET", "/readyz", ""), 503)
	}
	w.clock.add(pingKeep)
	w.want(w.do("GET", "/readyz", ""), 503)
	if asked != 2 {
		t.Errorf("got %d questions, want 2", asked)
	}
	w.server.stop.Do(func() { close(w.server.stopping) })
	if a := w.want(w.do("GET", "/readyz", ""), 503); !strings.Contains(a.body, `{"name":"server","ok":false,"why":"it is stopping"}`) {
		t.Errorf("got %s, want it said that the server stops", a.body)
	}
	w.want(w.do("GET", "/healthz", ""), 200)
}

// expfmtTime writes a time as metrics have it.
func expfmtTime(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'g', -1, 64)
}

func number64(x float64) *float64 { return &x }

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) {
		v.Outcome, v.Evidence, v.Threshold, v.Score, v.StaleBlocks = judge.Promote, 0.5, 1.3, 88, 2
		v.Findings = []judge.Finding{
			{Name: "errors", About: judge.AboutMetric, Worse: number64(-1), NotWorse: number64(2.5), Effect: &judge.Effect{Ratio: 0.9}},
			{Name: "errors", About: judge.AboutMetric, Worse: number64(3)}, // a second one of the name
			{Name: "errors", About: judge.AboutLimit, Worse: number64(4)},
			{Name: "home", About: judge.AboutCheck, Class: judge.CheckFailed},
			{Name: "cart", About: judge.AboutCheck, Class: judge.Passed},
			{Name: "pay", About: judge.AboutCheck, Class: judge.CheckBroken},
			{Name: "ship", About: judge.AboutCheck, Class: judge.Environment},
			{Name: "even", About: judge.AboutCheck, Class: judge.NotWorse},
			{Name: "slow", About: judge.AboutCheck, Class: judge.Worse},
		}
		v.Page, v.Progress.CanaryRequests, v.Progress.BaselineRequests = "look", 120, 480
	})
	w.want(w.hook("pre-rollout", call{}), 200)
	id := w.only().Rollout.ID
	w.want(w.do("POST", "/v1/rollouts/"+id+"/weights", `{"percent": 20}`), 200)
	body := w.want(w.do("GET", "/metrics", ""), 200).body
	for _, want := range [...]string{
		`serin_build_info{goversion="go1`, `version="v1.2.3"} 1`, `serin_journal_up 1`, `serin_rollouts_live 1`,
		`serin_rollout_outcome{namespace="shop",outcome="promote",rollout="` + id + `",service="checkout"} 1`,
		`serin_rollout_outcome{namespace="shop",outcome="rollback",rollout="` + id + `",service="checkout"} 0`,
		`serin_rollout_evidence_log10{namespace="shop",rollout="` + id + `",service="checkout"} 0.5`,
		`serin_rollout_threshold_log10{namespace="shop",rollout="` + id + `",service="checkout"} 1.3`,
		`serin_rollout_stale_blocks{namespace="shop",rollout="` + id + `",service="checkout"} 2`,
		`serin_rollout_score{namespace="shop",rollout="` + id + `",service="checkout"} 88`,
		`serin_rollout_last_look_timestamp_seconds{namespace="shop",rollout="` + id + `",service="checkout"} ` + expfmtTime(w.clock.Now()),
		`serin_rollout_weight_percent{namespace="shop",rollout="` + id + `",service="checkout"} 20`,
		`serin_rollout_page{namespace="shop",rollout="` + id + `",service="checkout"} 1`,
		`serin_rollout_requests{arm="canary",namespace="shop",rollout="` + id + `",service="checkout"} 120`,
		`serin_rollout_requests{arm="baseline",namespace="shop",rollout="` + id + `",service="checkout"} 480`,
		`serin_check_status{check="home",namespace="shop",rollout="` + id + `",service="checkout"} 0`,
		`serin_check_status{check="cart",namespace="shop",rollout="` + id + `",service="checkout"} 1`,
		`serin_check_status{check="pay",namespace="shop",rollout="` + id + `",service="checkout"} -1`,
		`serin_check_status{check="ship",namespace="shop",rollout="` + id + `",service="checkout"} -2`,
		`serin_check_status{check="even",namespace="shop",rollout="` + id + `",service="checkout"} 1`,
		`serin_check_status{check="slow",namespace="shop",rollout="` + id + `",service="checkout"} 0`,
		`serin_finding_evidence_log10{about="metric",finding="errors",namespace="shop",rollout="` + id + `",service="checkout",side="worse"} -1`,
		`serin_finding_evidence_log10{about="metric",finding="errors",namespace="shop",rollout="` + id + `",service="checkout",side="not-worse"} 2.5`,
		`serin_finding_evidence_log10{about="limit",finding="errors",namespace="shop",rollout="` + id + `",service="checkout",side="worse"} 4`,
		`serin_finding_effect_ratio{about="metric",finding="errors",namespace="shop",rollout="` + id + `",service="checkout"} 0.9`,
		`serin_http_requests_total{code="200",method="POST",route="/flagger/pre-rollout"} 1`,
		`serin_http_request_duration_seconds_count{route="/flagger/pre-rollout"} 1`, `go_goroutines`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("got metrics without %s:\n%s", want, body)
		}
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := p.TextToMetricFamilies(strings.NewReader(body)); err != nil {
		t.Errorf("got %v, want metrics that can be parsed", err)
	}
	if faults, err := testutil.GatherAndLint(w.server.metrics.registry); err != nil || len(faults) > 0 {
		t.Errorf("got %v and %v, want clean names", faults, err)
	}

	// What is over is gone, whoever closed it.
	if err := w.journal.End(t.Context(), id, start(), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	if body = w.do("GET", "/metrics", "").body; strings.Contains(body, id) || !strings.Contains(body, "serin_rollouts_live 0") {
		t.Errorf("got the closed rollout in metrics, want it gone")
	}
	w.faults.set("List", errBroken)
	body = w.want(w.do("GET", "/metrics", ""), 200).body
	if !strings.Contains(body, "serin_journal_up 0") || strings.Contains(body, "serin_rollouts_live") || strings.Contains(w.logs.String(), "hunter2") {
		t.Errorf("got %s, want it said that the journal cannot be read, without credentials", body)
	}
}

// specification is the part of the OpenAPI document that the tests read.
type specification struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

func TestFiniteNumbers(t *testing.T) {
	for x, want := range map[float64]float64{1.5: 1.5, math.Inf(1): 0, math.Inf(-1): 0, math.NaN(): 0} {
		if got := finite(x); got != want {
			t.Errorf("finite(%v): got %v, want %v", x, got, want)
		}
	}
}
