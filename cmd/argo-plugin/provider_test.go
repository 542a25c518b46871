package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noon is when every test begins.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// fake is a Serin that answers as a test says and keeps what it was asked.
type fake struct {
	mu     sync.Mutex
	status int
	body   string
	header http.Header
	asked  []call
	tokens []string
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, _ := io.ReadAll(r.Body)
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	var k call
	if err := dec.Decode(&k); err != nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/argo/analysis") {
		http.Error(w, "unexpected", http.StatusTeapot)
		return
	}
	f.asked = append(f.asked, k)
	f.tokens = append(f.tokens, r.Header.Get("Authorization"))
	maps.Copy(w.Header(), f.header)
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.body) // a client that has gone is a client that has gone
}

// says makes it answer.
func (f *fake) says(status int, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.body = status, body
}

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// verdict is an answer of Serin.
func verdict(word string, code int, more string) string {
	return fmt.Sprintf(`{"verdict":%q,"code":%d,"score":93.1,"summary":"","reason":"because\nof errors","report":"https://serin/r/1","retryAfterSeconds":7,"error":"","next":""%s}`, word, code, more)
}

// bench is a provider with a fake server and a clock that stands.
type bench struct {
	provider
	serin *fake
	clock time.Time
	url   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{serin: &fake{status: 200, body: verdict("running", 0, "")}, clock: noon()}
	srv := httptest.NewServer(b.serin)
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, adminToken)
	settings, err := readSettings([]string{"--url=" + srv.URL, "--token-file=" + file})
	if err != nil {
		t.Fatal(err)
	}
	b.url = srv.URL
	b.provider = provider{settings: settings, now: func() time.Time { return b.clock }, environment: os.LookupEnv, follower: newFollower()}
	return b
}

// metric is a metric with this configuration.
func metric(config string) v1alpha1.Metric {
	return v1alpha1.Metric{Name: "judge", Provider: v1alpha1.MetricProvider{Plugin: map[string]json.RawMessage{"serin/serin": json.RawMessage(config)}}}
}

// aRun is a run of a Rollout's analysis.
func aRun(kind, step string) *v1alpha1.AnalysisRun {
	controls := true
	run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "checkout-6cb7cc687d-2-" + step, UID: "run-uid", CreationTimestamp: metav1.NewTime(noon().Add(-time.Minute)),
		Labels:          map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: "6cb7cc687d", v1alpha1.RolloutTypeLabel: kind},
		Annotations:     map[string]string{revisionAnnotation: "2"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "Rollout", Name: "checkout", UID: "rollout-uid", Controller: &controls}},
	}}
	if step != "" {
		run.Labels[v1alpha1.RolloutCanaryStepIndexLabel] = step
	}
	return run
}

const plain = `{"stableHash": "5b48864f7f"}`

func TestAnswers(t *testing.T) {
	const (
		running      = v1alpha1.AnalysisPhaseRunning
		failed       = v1alpha1.AnalysisPhaseFailed
		successful   = v1alpha1.AnalysisPhaseSuccessful
		inconclusive = v1alpha1.AnalysisPhaseInconclusive
		wrong        = v1alpha1.AnalysisPhaseError
	)
	for name, tt := range map[string]struct {
		gate   string
		status int
		body   string
		header http.Header
		want   v1alpha1.AnalysisPhase
		again  time.Duration
		says   string
	}{
		"pass":                  {"step", 200, verdict("pass", 1, ""), nil, successful, 0, "because of errors; https://serin/r/1"},
		"fail":                  {"step", 200, verdict("fail", -1, ""), nil, failed, 0, "because of errors; https://serin/r/1"},
		"inconclusive":          {"promotion", 200, verdict("inconclusive", 0, ""), nil, inconclusive, 0, "because of errors"},
		"running":               {"promotion", 200, verdict("running", 0, ""), nil, running, 7 * time.Second, "because of errors"},
		"pass, to a guard":      {"guard", 200, verdict("pass", 1, ""), nil, running, 7 * time.Second, "because"},
		"inconclusive, to one":  {"guard", 200, strings.Replace(verdict("inconclusive", 0, ""), `:7`, `:0`, 1), nil, running, guardAgain, "because"},
		"fail, to one":          {"guard", 200, verdict("fail", -1, ""), nil, failed, 0, "because"},
		"no time to wait":       {"step", 200, strings.Replace(verdict("running", 0, ""), `:7`, `:0`, 1), nil, running, pollAgain, "because"},
		"a day to wait":         {"step", 200, strings.Replace(verdict("running", 0, ""), `:7`, `:86400`, 1), nil, running, maxAgain, "because"},
		"a later field":         {"step", 200, verdict("pass", 1, `,"more":{}`), nil, successful, 0, "because"},
		"a login page":          {"step", 200, "<html>pass</html>", nil, running, 10 * time.Second, "waiting for Serin since 2026-03-01T12:00:00Z, try 1: something answered 200 that is not Serin"},
		"nothing":               {"step", 200, "", nil, running, 10 * time.Second, "not Serin"},
		"null":                  {"step", 200, "null", nil, running, 10 * time.Second, "not Serin"},
		"another object":        {"step", 200, `{"verdict":"pass"}`, nil, running, 10 * time.Second, "not Serin"},
		"words that disagree":   {"step", 200, verdict("pass", -1, ""), nil, running, 10 * time.Second, "not Serin"},
		"an unknown word":       {"step", 200, verdict("Pass", 1, ""), nil, running, 10 * time.Second, "not Serin"},
		"a pass with an error":  {"step", 200, strings.Replace(verdict("pass", 1, ""), `"error":""`, `"error":"x"`, 1), nil, running, 10 * time.Second, "not Serin"},
		"too much":              {"step", 200, verdict("pass", 1, `,"x":"`+strings.Repeat("x", maxAnswer)+`"`), nil, running, 10 * time.Second, "not Serin"},
		"another 2xx":           {"step", 201, verdict("pass", 1, ""), nil, wrong, 0, "got 201"},
		"no content":            {"step", 204, "", nil, wrong, 0, "got 204"},
		"a redirect":            {"step", 302, "", http.Header{"Location": {"http://elsewhere/login"}}, wrong, 0, "got 302, which is not followed"},
		"refused":               {"step", 400, `{"code":0,"error":"gate: none","next":"write step"}`, nil, wrong, 0, "Serin refused: 400 gate: none; write step"},
		"no token":              {"step", 401, `{"code":0,"error":"no accepted token"}`, nil, wrong, 0, "401 no accepted token"},
		"no plan":               {"step", 404, "not found", nil, wrong, 0, "Serin refused: 404"},
		"too many":              {"step", 429, "", http.Header{"Retry-After": {"33"}}, running, 33 * time.Second, "Serin could not answer: 429"},
		"no verdict":            {"step", 503, `{"code":0,"verdict":"pass","error":"no verdict","next":"look at the log","retryAfterSeconds":12}`, nil, running, 12 * time.Second, "503 no verdict; look at the log"},
		"broken":                {"step", 500, verdict("pass", 1, ""), nil, running, 10 * time.Second, "could not answer: 500"},
		"a gateway":             {"guard", 502, "<html>", nil, running, 10 * time.Second, "502"},
		"too early":             {"step", 425, "", nil, running, 10 * time.Second, "425"},
		"a long reason":         {"step", 200, strings.Replace(verdict("fail", -1, ""), "because", strings.Repeat("ä", 3000), 1), nil, failed, 0, "…; https://serin/r/1"},
		"the token in an error": {"step", 400, `{"code":0,"error":"got ` + adminToken + `"}`, nil, wrong, 0, "got *****"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.serin.says(tt.status, tt.body)
			b.serin.header = tt.header
			c := fmt.Sprintf(`{"stableHash": "5b48864f7f", "gate": %q}`, tt.gate)
			m := b.Run(aRun("Step", "1"), metric(c))
			if m.Phase != tt.want || !strings.Contains(m.Message, tt.says) || len(m.Message) > maxMessage || strings.Contains(m.Message, adminToken) {
				t.Fatalf("got %s %q, want %s %q", m.Phase, m.Message, tt.want, tt.says)
			}
			if m.StartedAt == nil || (m.ResumeAt != nil) != (tt.want == running) || (m.FinishedAt == nil) != (tt.want == running) {
				t.Errorf("got %+v, want its times", m)
			}
			if m.ResumeAt != nil && m.ResumeAt.Sub(b.clock) != tt.again {
				t.Errorf("got another poll after %s, want %s", m.ResumeAt.Sub(b.clock), tt.again)
			}
			if n := b.serin.calls(); n != 1 || b.serin.tokens[0] != "Bearer "+adminToken {
				t.Errorf("got %d calls with %v, want one with the token", n, b.serin.tokens)
			}
			if v := m.Metadata; m.Value != "" && (v["score"] != "93.1" || v["report"] != "https://serin/r/1" || v["verdict"] != m.Value || v["gate"] != tt.gate) {
				t.Errorf("got metadata %v, want the answer's", v)
			}
		})
	}
}

// TestPatience: while Serin is away a measurement waits longer and longer, and what
// it needs to know is in its metadata alone.
func TestPatience(t *testing.T) {
	b := newBench(t)
	const c = `{"stableHash": "s", "gate": "promotion", "patience": "3m"}`
	run := aRun("Step", "1")
	m := b.Run(run, metric(c))
	b.serin.says(503, "")
	var pauses []time.Duration
	for m.Phase == v1alpha1.AnalysisPhaseRunning {
		pauses = append(pauses, m.ResumeAt.Sub(b.clock))
		b.clock = m.ResumeAt.Time
		text, err := json.Marshal(m) // as Argo's controller stores it
		if err != nil {
			t.Fatal(err)
		}
		m = v1alpha1.Measurement{}
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		m = b.Resume(run, metric(c), m)
		if len(pauses) > 20 {
			t.Fatal("it never ends")
		}
	}
	if got := fmt.Sprint(pauses); got != "[7s 10s 20s 40s 1m0s 50s]" {
		t.Errorf("got pauses %s, want them to grow until patience ends", got)
	}
	if m.Phase != v1alpha1.AnalysisPhaseError || !strings.HasPrefix(m.Message, "no answer from Serin for 3m0s") || m.Metadata[metaReport] == "" {
		t.Errorf("got %s %q with %v, want an error that still knows the report", m.Phase, m.Message, m.Metadata)
	}
	// An answer makes it forget the wait.
	b.serin.says(200, verdict("running", 0, ""))
	m = b.Resume(run, metric(c), v1alpha1.Measurement{Metadata: map[string]string{metaAwaySince: noon().Add(-time.Hour).Format(time.RFC3339), metaAwayTries: "9"}})
	if m.Phase != v1alpha1.AnalysisPhaseRunning || m.Metadata[metaAwaySince] != "" {
		t.Errorf("got %s with %v, want it running without a wait", m.Phase, m.Metadata)
	}
	// Metadata that somebody changed begins the wait anew.
	b.serin.says(503, "")
	for _, broken := range []map[string]string{{metaAwaySince: "x", metaAwayTries: "1"}, {metaAwaySince: "2999-01-01T00:00:00Z", metaAwayTries: "1"}, {metaAwaySince: "2026-01-01T00:00:00Z", metaAwayTries: "-5"}} {
		if m := b.Resume(run, metric(c), v1alpha1.Measurement{Metadata: broken}); m.Phase != v1alpha1.AnalysisPhaseRunning || m.Metadata[metaAwayTries] != "1" {
			t.Errorf("%v: got %s with %v, want the first try", broken, m.Phase, m.Metadata)
		}
	}
	// Without patience the first failure is an error.
	if m := b.Run(run, metric(`{"stableHash": "s", "patience": "0s"}`)); m.Phase != v1alpha1.AnalysisPhaseError {
		t.Errorf("got %s, want an error", m.Phase)
	}
	// A server that is not there at all is waited for too.
	if m := b.Run(run, metric(`{"stableHash": "s", "url": "http://127.0.0.1:1"}`)); m.Phase != v1alpha1.AnalysisPhaseRunning || !strings.Contains(m.Message, "Serin was not reached") {
		t.Errorf("got %s %q, want it waiting", m.Phase, m.Message)
	}
}

func TestIdentity(t *testing.T) {
	b := newBench(t)
	for name, tt := range map[string]struct {
		run    *v1alpha1.AnalysisRun
		config string
		want   string // JSON of the call without what all have
	}{
		"a step":            {aRun("Step", "3"), plain, `"step":"3","gate":"step"`},
		"the background":    {aRun("Background", ""), plain, `"gate":"guard"`},
		"before the switch": {aRun("PrePromotion", ""), `{}`, `"step":"pre","gate":"promotion","comparison":"checks"`},
		"after the switch":  {aRun("PostPromotion", ""), plain, `"step":"post","gate":"promotion"`},
		"as configured":     {aRun("Step", "3"), `{"stableHash": "5b48864f7f", "gate": "promotion", "weight": "50", "plan": "p", "step": "x"}`, `"step":"x","plan":"p","gate":"promotion","weight":"50"`},
		"arms":              {aRun("Step", "3"), `{"baseline": {"labels": {"a": "b"}}, "comparison": "before-after"}`, `"step":"3","gate":"step","comparison":"before-after","baseline":{"labels":{"a":"b"}}`},
		"a time":            {aRun("Step", "3"), `{"stableHash": "5b48864f7f", "timeout": "10s"}`, `"step":"3","gate":"step","answerWithin":"8s"`},
	} {
		if m := b.Run(tt.run, metric(tt.config)); m.Phase != v1alpha1.AnalysisPhaseRunning {
			t.Errorf("%s: got %s %q", name, m.Phase, m.Message)
			continue
		}
		var got, want map[string]any
		text, _ := json.Marshal(b.serin.asked[len(b.serin.asked)-1])
		all := `"namespace":"shop","rollout":"checkout","uid":"rollout-uid","revision":"2","canaryHash":"6cb7cc687d","stableHash":"5b48864f7f",
			"run":{"name":"` + tt.run.Name + `","uid":"run-uid","created":"2026-03-01T11:59:00Z"},`
		if !strings.Contains(tt.config, "stableHash") {
			all = strings.Replace(all, `,"stableHash":"5b48864f7f"`, "", 1)
		}
		if json.Unmarshal(text, &got) != nil || json.Unmarshal([]byte("{"+all+tt.want+"}"), &want) != nil {
			t.Fatal("the test's own JSON is broken")
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got  %v\nwant %v", name, got, want)
		}
	}
}

// TestWhatIsMissing: nothing is asked of which Serin could not know what it is.
func TestWhatIsMissing(t *testing.T) {
	experiment := aRun("", "")
	experiment.OwnerReferences[0].Kind = "Experiment"
	bare := aRun("Step", "1")
	delete(bare.Labels, v1alpha1.DefaultRolloutUniqueLabelKey)
	b := newBench(t)
	for name, tt := range map[string]struct {
		run    *v1alpha1.AnalysisRun
		config string
		says   string
	}{
		"no baseline":     {aRun("Step", "1"), `{}`, "stableHash: missing"},
		"no canary":       {bare, plain, "canaryHash: missing"},
		"an experiment":   {experiment, plain, "rollout: missing, since AnalysisRun checkout-6cb7cc687d-2- belongs to no Rollout"},
		"a literal token": {aRun("Step", "1"), `{"stableHash": "s", "token": "hunter2"}`, `token: write "{{args.NAME}}"`},
		"faults":          {aRun("Step", "1"), `{"a": 1, "b": 2}`, "b: unknown field"},
	} {
		if m := b.Run(tt.run, metric(tt.config)); m.Phase != v1alpha1.AnalysisPhaseError || !strings.Contains(m.Message, tt.says) || strings.Contains(m.Message, "hunter2") {
			t.Errorf("%s: got %s %q, want an error with %q", name, m.Phase, m.Message, tt.says)
		}
	}
	if n := b.serin.calls(); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
	// An experiment's run says what it is of, and is asked for proof.
	if m := b.Run(experiment, metric(`{"stableHash": "s", "rollout": "checkout"}`)); m.Phase != v1alpha1.AnalysisPhaseRunning || m.Metadata["gate"] != "promotion" {
		t.Errorf("got %s %q with %v, want it asked for promotion", m.Phase, m.Message, m.Metadata)
	}
	b.settings.url = nil
	if m := b.Run(aRun("Step", "1"), metric(plain)); m.Phase != v1alpha1.AnalysisPhaseError || !strings.Contains(m.Message, "url: missing") {
		t.Errorf("got %s %q, want the address missed", m.Phase, m.Message)
	}
	b.fault = errorText("args in argo-rollouts-config: x")
	if m := b.Run(aRun("Step", "1"), metric(plain)); m.Phase != v1alpha1.AnalysisPhaseError || m.Message != b.fault.Error() {
		t.Errorf("got %s %q, want the settings' fault", m.Phase, m.Message)
	}
}

// TestTokens: each token goes where it may, and nowhere else.
func TestTokens(t *testing.T) {
	b := newBench(t)
	other := &fake{status: 200, body: verdict("running", 0, "")}
	srv := httptest.NewServer(other)
	t.Cleanup(srv.Close)
	run := aRun("Step", "1")
	if m := b.Run(run, metric(fmt.Sprintf(`{"stableHash": "s", "url": %q}`, srv.URL))); m.Phase != v1alpha1.AnalysisPhaseRunning || other.tokens[0] != "" {
		t.Errorf("got %s with %q sent, want no token sent to a server that is not the administrator's", m.Phase, other.tokens[0])
	}
	written := func(token, ca string) v1alpha1.Metric {
		return metric(fmt.Sprintf(`{"stableHash": "s", "url": %q, "token": %q%s}`, srv.URL, token, ca))
	}
	secret := &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "serin", Key: "token"}}
	for name, tt := range map[string]struct {
		spec string
		from *v1alpha1.ValueFrom
		ok   bool
	}{
		"from a secret":      {"{{args.t}}", secret, true},
		"with spaces":        {"{{ args.t }}", secret, true},
		"of a plain value":   {"{{args.t}}", nil, false},
		"of a field":         {"{{args.t}}", &v1alpha1.ValueFrom{FieldRef: &v1alpha1.FieldRef{}}, false},
		"put together":       {"x{{args.t}}", secret, false},
		"another argument's": {"{{args.u}}", secret, false},
		"literal":            {memberToken, secret, false},
	} {
		run := aRun("Step", "1")
		run.Spec.Metrics = []v1alpha1.Metric{written(tt.spec, "")}
		run.Spec.Args = []v1alpha1.Argument{{Name: "t", ValueFrom: tt.from}}
		before := other.calls()
		m := b.Run(run, written(memberToken, ""))
		if sent := other.calls() > before; sent != tt.ok || (sent && other.tokens[before] != "Bearer "+memberToken) || strings.Contains(fmt.Sprint(m), memberToken) {
			t.Errorf("%s: got %s %q, sent %v, want %v", name, m.Phase, m.Message, sent, tt.ok)
		}
	}
	if md := b.GetMetadata(written(memberToken, `, "plan": "p", "gate": "step"`)); fmt.Sprint(md) != fmt.Sprint(map[string]string{"serin": srv.URL, "plan": "p", "gate": "step"}) {
		t.Errorf("got metadata %v, want no token in it", md)
	}
	if md := b.GetMetadata(metric(plain)); md["serin"] != b.url {
		t.Errorf("got metadata %v, want the administrator's server", md)
	}
	if md := b.GetMetadata(metric(`{"x": 1}`)); len(md) != 0 {
		t.Errorf("got metadata %v, want none", md)
	}
}

// TestPrivateAuthorities: a server is believed by the administrator's certificate
// authority, or by the metric's own, and not without.
func TestPrivateAuthorities(t *testing.T) {
	serin := &fake{status: 200, body: verdict("pass", 1, "")}
	_, srv, account := newKubernetes(t, nil)
	srv.Config.Handler = serin
	for name, tt := range map[string]struct {
		args []string
		want v1alpha1.AnalysisPhase
	}{
		"unknown": {nil, v1alpha1.AnalysisPhaseRunning}, "known": {[]string{"--ca-file=" + filepath.Join(account, "ca.crt")}, v1alpha1.AnalysisPhaseSuccessful},
	} {
		b := newBench(t)
		var err error
		if b.settings, err = readSettings(append(tt.args, "--url="+srv.URL)); err != nil {
			t.Fatal(err)
		}
		if m := b.Run(aRun("Step", "1"), metric(plain)); m.Phase != tt.want {
			t.Errorf("%s: got %s %q, want %s", name, m.Phase, m.Message, tt.want)
		}
	}
	pem, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	run := aRun("Step", "1")
	run.Spec.Metrics = []v1alpha1.Metric{metric(`{"token": "{{args.t}}"}`)}
	run.Spec.Args = []v1alpha1.Argument{{Name: "t", ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{}}}}
	own := metric(fmt.Sprintf(`{"stableHash": "s", "url": %q, "token": "x", "ca": %q}`, srv.URL, pem))
	if m := b.Run(run, own); m.Phase != v1alpha1.AnalysisPhaseSuccessful {
		t.Errorf("got %s %q, want it believed by the metric's own", m.Phase, m.Message)
	}
}
