package alerts

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What was before the rollout, or is after it, pages nobody: promtool plays the series.
func TestWhatIsNotOfTheRolloutIsNoAlert(t *testing.T) {
	const (
		canary    = `destination_workload="checkout",destination_workload_namespace="shop",reporter="destination",response_code="200",instance="a",job="x"`
		baseline  = `destination_workload="checkout-primary",destination_workload_namespace="shop",reporter="destination",response_code="200",instance="b",job="x"`
		failed    = `namespace="shop",pod="checkout-7d9f-abc",instance="a",job="x"`
		told      = `job="serin",rollout="abcdefghijklmnop",instance="a"`
		istio     = "service: checkout\npreset: istio\n"
		withLimit = "service: checkout\npreset: http\nlimits: [{ name: failures, query: jobs_failed_total, above: 20, growth: true }]\n"
	)
	for name, c := range map[string]struct{ plan, alert, series, at, fires string }{
		"an earlier canary's traffic": {istio, "CanarySilent", `
      - {series: 'istio_requests_total{` + canary + `}', values: '0+60x60 _x300'}
      - {series: 'istio_requests_total{` + baseline + `}', values: '0+600x360'}`, "2h10m", ""},
		"this canary's traffic": {istio, "CanarySilent", `
      - {series: 'istio_requests_total{` + canary + `}', values: '_x240 0+60x60 3600x300'}
      - {series: 'istio_requests_total{` + baseline + `}', values: '0+600x500'}`, "2h50m", "fires"},
		"failures before the rollout": {withLimit, "CanaryLimit", `
      - {series: 'jobs_failed_total{` + failed + `}', values: '0+1x60 60x300'}`, "2h10m", ""},
		"failures within the rollout": {withLimit, "CanaryLimit", `
      - {series: 'jobs_failed_total{` + failed + `}', values: '0x260 0+1x60 60x300'}`, "2h50m", "fires"},
		"few failures within the rollout": {withLimit, "CanaryLimit", `
      - {series: 'jobs_failed_total{` + failed + `}', values: '0x260 0+1x15 15x300'}`, "2h50m", ""},
		"a rollout that is over": {istio, "JudgeSilent", `
      - {series: 'serin_rollout_last_look_timestamp_seconds{` + told + `}', values: '_x240 7200+30x20 stale'}
      - {series: 'serin_journal_up{job="serin",instance="a"}', values: '1x500'}`, "2h30m", ""},
		"a judge that is gone": {istio, "JudgeSilent", `
      - {series: 'serin_rollout_last_look_timestamp_seconds{` + told + `}', values: '_x240 7200+30x20 stale'}
      - {series: 'serin_journal_up{job="serin",instance="a"}', values: '1x260 stale'}`, "2h30m", "fires"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := subject(t, c.plan)
			s.Rollout.Started = time.Unix(2*3600, 0)
			set, err := Write(s)
			if err != nil {
				t.Fatal(err)
			}
			if set, err = set.Inlined(); err != nil {
				t.Fatal(err)
			}
			rules, err := set.YAML()
			if err != nil {
				t.Fatal(err)
			}
			want := "0"
			if c.fires != "" {
				want = "1"
			}
			dir := t.TempDir()
			test := "rule_files: [rules.yml]\nevaluation_interval: 30s\ntests:\n  - interval: 30s\n    input_series:" + c.series + `
    promql_expr_test:
      - expr: count(ALERTS{alertname="` + c.alert + `",alertstate="firing"}) or vector(0)
        eval_time: ` + c.at + `
        exp_samples: [{labels: '{}', value: ` + want + `}]
`
			for file, text := range map[string][]byte{"rules.yml": rules, "test.yml": []byte(test)} {
				if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			promtool(t, dir, "test", "rules", "test.yml")
		})
	}
}
