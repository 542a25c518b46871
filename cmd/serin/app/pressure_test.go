package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

func TestLimitsAreChecked(t *testing.T) {
	_, err := Parse("serin.yaml", []byte(`
limits:
  answerWithin: { flagger: 100ms, argo: 2h }
  looks: -1
  keep: 1h
  answer: { bytes: -5 }
`))
	if err == nil {
		t.Fatal("got no faults")
	}
	for _, want := range []string{
		"serin.yaml:3:28: limits.answerWithin.flagger", "limits.answerWithin.argo", "limits.looks: -1 is out of bounds",
		"limits.keep", "limits.answer.bytes",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %q", err, want)
		}
	}
	c, err := Parse("serin.yaml", []byte("limits: { answerWithin: { flagger: 4s }, queries: 4, answer: { series: 7 } }"))
	if err != nil || c.Limits.pressure().Flagger.Seconds() != 4 || c.Limits.answers().Series != 7 {
		t.Errorf("got %+v, %v, want the limits", c.Limits, err)
	}
}

// TestQueuesAreShown: a server's sources have a queue before them, which is on
// /metrics, and the limits reach the client.
func TestQueuesAreShown(t *testing.T) {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"1"]}]}}`)
	}))
	defer store.Close()
	c, err := Parse("serin.yaml", []byte("listen: 127.0.0.1:0\njournal: "+filepath.Join(t.TempDir(), "serin.db")+
		"\nlimits: { answer: { series: 1, bytes: 20 } }\nsources: [{ name: prom, prometheus: { url: "+store.URL+" } }]"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse("p.yaml", []byte("service: shop\nsource: prom\nmetrics:\n  - name: errors\n    query: sum(rate(e_total[1m])) / sum(rate(r_total[1m]))\n    selector: pod=~\"{{ .PodPattern }}\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := plan.NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(context.Background(), Options{Config: c, Plans: set})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer a.Stop()
	if err := a.sources.Store("prom").Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "limits.answer.bytes") {
		t.Errorf("got %v, want the answer to be beyond its limit", err)
	}
	resp, err := http.Get(a.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for _, want := range []string{
		`serin_source_questions_waiting{source="prom"} 0`, `serin_source_paused_seconds{source="prom"} 0`,
		`serin_source_answer_bytes_total{source="prom"} `, "serin_looks_running 0",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("got /metrics without %s", want)
		}
	}
}
