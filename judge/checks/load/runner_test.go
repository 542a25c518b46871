package load_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/load"
)

func aTarget(canary, baseline string) checks.Target {
	return checks.Target{
		Service: "checkout", Canary: checks.Arm{URL: canary, Version: "v2"}, Baseline: checks.Arm{URL: baseline, Version: "v1"},
	}
}

// TestRunnerAsksEachArmAsItsTextsSay ensures that texts are filled in for each arm, and
// that the warm-up is counted.
func TestRunnerAsksEachArmAsItsTextsSay(t *testing.T) {
	var wrong atomic.Int64
	arm := func(version string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/"+version || r.Header.Get("X-Version") != version {
				wrong.Add(1)
			}
		}
	}
	got := load.Runner{Guard: anyAddress}.Run(t.Context(), checks.Spec{Name: "load", Load: &checks.Load{
		Targets: []checks.LoadTarget{{Method: "GET", URL: "{{ .Arm.URL }}/{{ .Arm.Version }}", Headers: map[string]string{"X-Version": "{{ .Arm.Version }}"}}},
		Hosts:   []string{"127.0.0.1"}, Rate: 50, Duration: 600 * time.Millisecond, Warmup: 400 * time.Millisecond,
	}}, aTarget(serve(t, arm("v2")), serve(t, arm("v1"))))
	if got.Status != checks.Measured || got.Load == nil || got.Took <= 0 {
		t.Fatalf("got %+v, want a load that was sent", got)
	}
	if len(got.Load.Canary) != 50 || got.Load.Warmup != 20 || wrong.Load() > 0 {
		t.Errorf("got %d samples, %d of them warm-up, %d wrong requests; want 50, 20, 0", len(got.Load.Canary), got.Load.Warmup, wrong.Load())
	}
}

func TestRunnerRefuses(t *testing.T) {
	up := serve(t, ok)
	at := func(urls ...string) checks.Load {
		l := checks.Load{Hosts: []string{"127.0.0.1"}, Rate: 50, Duration: time.Second}
		for _, u := range urls {
			l.Targets = append(l.Targets, checks.LoadTarget{Method: "GET", URL: u})
		}
		return l
	}
	for name, tt := range map[string]struct {
		load checks.Load
		want string
	}{
		"a host that is not listed": {at("http://localhost:1/"), "not among the hosts"},
		"two addresses":             {at("{{ .Arm.URL }}/", "http://127.0.0.1:1/"), "another host"},
		"an unknown fact":           {at("{{ .Arm.Nothing }}/"), "cannot be filled in"},
		"a password":                {at("http://user:secret@127.0.0.1/"), "user or password"},
		"no host":                   {at("/only/a/path"), "http"},
		"an unreadable URL":         {at("http://[secret"), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			got := load.Runner{Guard: anyAddress}.Run(t.Context(), checks.Spec{Name: "load", Load: &tt.load}, aTarget(up, up))
			if got.Status != checks.Broken || got.Load != nil || !strings.Contains(got.Reason, tt.want) || strings.Contains(got.Reason, "secret") {
				t.Errorf("got %s (%s), want broken and %q", got.Status, got.Reason, tt.want)
			}
		})
	}
}
