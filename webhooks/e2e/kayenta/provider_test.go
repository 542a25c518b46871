// Package kayenta asks Serin by the real kayenta provider of Argo Rollouts.
package kayenta

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	provider "github.com/argoproj/argo-rollouts/metricproviders/kayenta"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/webhooks"
)

// token is what Argo sends, as the password in its address.
const token = "a-token-of-some-length"

// store is a metrics store whose canary is as slow as its version says.
type store struct{ away bool }

func (s store) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f := queries.Frame{Window: w}
	if s.away {
		return f, &queries.Error{Fault: queries.Rejected, Source: "prometheus", Text: "no such table"}
	}
	level, phase := 100.0, int64(3)
	switch {
	case strings.Contains(r.Query.Expr, "none"):
		return f, nil
	case strings.HasPrefix(r.Query.Expr, "count("):
		f.Processes = []queries.Process{{V: slices.Repeat(queries.Column{1}, w.Len())}}
		return f, nil
	case strings.Contains(r.Query.Expr, "bad"):
		level, phase = 200, 5
	case strings.Contains(r.Query.Expr, "good"):
		phase = 7
	}
	var p queries.Process
	for i := range w.Len() {
		at := w.Start.Add(time.Duration(i)*w.Block).Unix() / 60
		p.V = append(p.V, level+float64(at*phase*7919%11))
	}
	f.Processes = append(f.Processes, p)
	return f, nil
}

// unused stands for the judge of rollouts and its plans, which are not asked here.
type unused struct{}

func (unused) Decide(context.Context, rollout.Rollout, time.Time) (judge.Verdict, error) {
	panic("nobody asks for a rollout")
}
func (unused) Names() []string { return nil }
func (unused) Find(name, _, _ string) (plan.Plan, error) {
	return plan.Plan{}, &plan.UnknownError{Name: name}
}

// serve starts Serin and returns its address without a scheme.
func serve(t *testing.T, s store) string {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "serin.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	w, err := webhooks.New(webhooks.Config{
		Judge: unused{}, Plans: unused{}, Journal: j, Tokens: []webhooks.Token{webhooks.FullToken("argo", token)},
		Kayenta: webhooks.Kayenta{Documents: j, Sources: map[string]queries.Source{"prometheus": s}, Queries: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// config is a canary config as it is put into a server.
func config(judge string) string {
	return `{"name": "shop-canary", "applications": ["shop"], "judge": {"name": "` + judge + `"}, "templates": {},
		"metrics": [{"name": "latency", "groups": ["slow"], "scopeName": "default",
			"analysisConfigurations": {"canary": {"direction": "increase"}},
			"query": {"type": "prometheus", "customInlineTemplate": "PromQL:avg(request_ms{version=\"${scope}\"})"}}],
		"classifier": {"groupWeights": {"slow": 100}}}`
}

func put(t *testing.T, address, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/kayenta/canaryConfig", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s", answer.Status)
	}
}

// The provider's own end for each outcome.
func TestArgosProvider(t *testing.T) {
	for name, tt := range map[string]struct {
		judge, canary, credentials, slash string
		away                              bool
		want                              v1alpha1.AnalysisPhase
	}{
		"healthy":              {judge: "serin", canary: "good", want: v1alpha1.AnalysisPhaseSuccessful},
		"twice as slow":        {judge: "serin", canary: "bad", want: v1alpha1.AnalysisPhaseFailed},
		"no data":              {judge: "serin", canary: "none", want: v1alpha1.AnalysisPhaseInconclusive},
		"Kayenta's, healthy":   {judge: "NetflixACAJudge-v1.0", canary: "good", want: v1alpha1.AnalysisPhaseSuccessful},
		"Kayenta's, slow":      {judge: "NetflixACAJudge-v1.0", canary: "bad", want: v1alpha1.AnalysisPhaseFailed},
		"an address with a /":  {judge: "serin", canary: "good", slash: "/", want: v1alpha1.AnalysisPhaseSuccessful},
		"the store refuses":    {judge: "serin", canary: "good", away: true, want: v1alpha1.AnalysisPhaseError},
		"no token":             {judge: "serin", canary: "good", credentials: "none", want: v1alpha1.AnalysisPhaseError},
		"a token that is none": {judge: "serin", canary: "good", credentials: "x:wrong@", want: v1alpha1.AnalysisPhaseError},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, store{away: tt.away})
			put(t, address, config(tt.judge))
			credentials := "argo:" + token + "@"
			if tt.credentials != "" {
				credentials = strings.TrimPrefix(tt.credentials, "none")
			}
			got := measure(t, "http://"+credentials+address+"/kayenta"+tt.slash, tt.canary)
			if got.Phase != tt.want {
				t.Errorf("got %s (%s, %q), want %s", got.Phase, got.Message, got.Value, tt.want)
			}
		})
	}
}

// Argo cuts a score's fraction off, so that 89.99 does not reach 90. Everything but the
// score is as Serin says it.
func TestAScoreLosesItsFraction(t *testing.T) {
	for score, want := range map[string]v1alpha1.Measurement{
		"90":    {Phase: v1alpha1.AnalysisPhaseSuccessful, Value: "90"},
		"89.99": {Phase: v1alpha1.AnalysisPhaseInconclusive, Value: "89"},
		"74.99": {Phase: v1alpha1.AnalysisPhaseFailed, Value: "74"},
	} {
		address := serve(t, store{})
		put(t, address, config("serin"))
		p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
		said := regexp.MustCompile(`("score":\{"score":)100\b`)
		replaced := 0
		p.ModifyResponse = func(r *http.Response) error {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			if said.Match(b) {
				replaced++
			}
			b = said.ReplaceAll(b, []byte("${1}"+score))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			r.Header.Set("Content-Length", strconv.Itoa(len(b)))
			return nil
		}
		front := httptest.NewServer(p)
		t.Cleanup(front.Close)
		got := measure(t, "http://argo:"+token+"@"+strings.TrimPrefix(front.URL, "http://")+"/kayenta", "good")
		if got.Phase != want.Phase || got.Value != want.Value || replaced == 0 {
			t.Errorf("%s: got %s, %q (%s) with %d answers replaced, want %s, %q", score, got.Phase, got.Value, got.Message, replaced, want.Phase, want.Value)
		}
	}
}

// The example is what Argo's own types read, and names what Serin's provider needs.
func TestTheExample(t *testing.T) {
	b, err := os.ReadFile("../../../examples/kayenta/analysistemplate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template v1alpha1.AnalysisTemplate
	if err := yaml.UnmarshalStrict(b, &template); err != nil {
		t.Fatal(err)
	}
	k := template.Spec.Metrics[0].Provider.Kayenta
	if k == nil || k.Threshold != (v1alpha1.KayentaThreshold{Pass: 95, Marginal: 75}) || len(k.Scopes) != 1 || !strings.HasSuffix(k.Address, "/kayenta") {
		t.Errorf("got %+v, want the provider with its thresholds, scope and address", k)
	}
}

// measure takes one measurement with the provider, as the controller does.
func measure(t *testing.T, address, canary string) v1alpha1.Measurement {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	p := provider.NewKayentaProvider(*logrus.NewEntry(log), provider.NewHttpClient())
	end := time.Now().Add(-time.Minute).UTC().Truncate(time.Minute)
	scope := func(version string) v1alpha1.ScopeDetail {
		return v1alpha1.ScopeDetail{Scope: version, Region: "eu", Step: 60, Start: end.Add(-time.Hour).Format(time.RFC3339), End: end.Format(time.RFC3339)}
	}
	metric := v1alpha1.Metric{Name: "kayenta", Provider: v1alpha1.MetricProvider{Kayenta: &v1alpha1.KayentaMetric{
		Address: address, Application: "shop", CanaryConfigName: "shop-canary", Threshold: v1alpha1.KayentaThreshold{Pass: 90, Marginal: 75},
		Scopes: []v1alpha1.KayentaScope{{Name: "default", ControlScope: scope("base"), ExperimentScope: scope(canary)}},
	}}}
	now := metav1.Now()
	run := &v1alpha1.AnalysisRun{Status: v1alpha1.AnalysisRunStatus{StartedAt: &now}}
	m := p.Run(run, metric)
	for range 5 {
		if m.Phase != v1alpha1.AnalysisPhaseRunning {
			break
		}
		m = p.Resume(run, metric, m)
	}
	return m
}
