package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestSignOfAShare ensures that a success rate is not taken for errors, whose canary
// could fail all it likes: a plan says which way is worse, or its query does.
func TestSignOfAShare(t *testing.T) {
	share := func(bad, all string) string {
		return fmt.Sprintf("sum(rate(%s[1m])) / sum(rate(%s[1m]))", bad, all)
	}
	for _, c := range []struct {
		name, query, more string
		good              bool
	}{
		{"not 5xx", `100 * ` + share(`http_requests_total{code!~"5.."}`, `http_requests_total`), "", true},
		{"not 500", share(`http_requests_total{code!="500"}`, `http_requests_total`), "", true},
		{"2xx", share(`http_requests_total{code=~"2.."}`, `http_requests_total`), "", true},
		{"all but 5xx, spelled out", share(`http_requests_total{code=~"[1-4].."}`, `http_requests_total`), "", true},
		{"neither 4xx nor 5xx", share(`http_requests_total{code!~"4..|5.."}`, `http_requests_total`), "", true},
		{"within the service", share(`http_requests_total{job="a",code!~"5.."}`, `http_requests_total{job="a"}`), "", true},
		{"gRPC's OK", share(`grpc_server_handled_total{grpc_code="OK"}`, `grpc_server_handled_total`), "", true},
		{"without an exception", share(`calls_total{exception="None"}`, `calls_total`), "", true},
		{"without an error", share(`calls_total{error=""}`, `calls_total`), "", true},
		{"fast enough", share(`http_duration_seconds_bucket{le="0.3"}`, `http_duration_seconds_count`), "", true},
		{"named after success", share(`calls_succeeded_total`, `calls_total`), "", true},
		{"something unknown away", share(`calls_total{outcome!="abandoned"}`, `calls_total`), "", true},
		{"a class of codes", share(`rq_total{response_code_class!="5"}`, `rq_total`), "", true},
		{"gRPC's 0", share(`rq_total{grpc_status="0"}`, `rq_total`), "", true},
		{"a shard", share(`rq_total{shard="0"}`, `rq_total`), "", false},
		{"5xx", share(`http_requests_total{code=~"5.."}`, `http_requests_total`), "", false},
		{"4xx", share(`http_requests_total{code=~"4.."}`, `http_requests_total`), "", false},
		{"neither 2xx nor 3xx", share(`http_requests_total{code!~"2..|3.."}`, `http_requests_total`), "", false},
		{"5xx but of probes", share(`http_requests_total{code=~"5..",path!="/ready"}`, `http_requests_total{}`), "", false},
		{"probes left out of both", share(`http_requests_total{path!="/ready",code="500"}`, `http_requests_total{path!="/ready"}`), "", false},
		{"not gRPC's OK", share(`grpc_server_handled_total{grpc_code!="OK"}`, `grpc_server_handled_total`), "", false},
		{"with an error", share(`calls_total{error!=""}`, `calls_total`), "", false},
		{"of a kind of error", share(`calls_total{exception="Timeout"}`, `calls_total`), "", false},
		{"what is left after the good", `1 - ` + share(`http_requests_total{code!~"5.."}`, `http_requests_total`), "", false},
		{"failures by name", share(`calls_failed_total`, `calls_total`), "", false},
		{"of the successful", share(`calls_success_retried_total`, `calls_success_total`), "", false},
		{"said: errors", share(`http_requests_total{code!~"2.."}`, `http_requests_total`), "kind: errors", false},
		{"said: errors, though it reads otherwise", share(`calls_total{outcome!="done"}`, `calls_total`), "kind: errors", false},
		{"said: lower", share(`http_requests_total{code!~"5.."}`, `http_requests_total`), "worse: lower\n    required: true", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "service: a\nmetrics:\n  - name: share\n    query: '" + c.query + "'\n"
			if c.more != "" {
				text += "    " + c.more + "\n"
			}
			_, err := Parse("a.yaml", []byte(text))
			var faults Faults
			switch errors.As(err, &faults); {
			case !c.good && err != nil:
				t.Errorf("got %v, want a plan", err)
			case c.good && (len(faults) != 1 || faults[0].Path != "metrics[0].query" || faults[0].Line != 4 || !strings.Contains(faults[0].Text, "write worse: lower")):
				t.Errorf("got %v, want one fault at the query that says what to write", err)
			}
		})
	}
}

// TestSignOfAShareElsewhere ensures the same of a language that has parts, not series.
func TestSignOfAShareElsewhere(t *testing.T) {
	for query, good := range map[string]bool{
		`Sum(AWS/ApplicationELB:HTTPCode_Target_2XX_Count) / Sum(AWS/ApplicationELB:RequestCount)`: true,
		`Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count) / Sum(AWS/ApplicationELB:RequestCount)`: false,
	} {
		_, err := Parse("a.yaml", []byte("service: a\nlanguage: cloudwatch\nmetrics:\n  - name: share\n    query: '"+query+"'\n"))
		if (err != nil) != good {
			t.Errorf("%s: got %v, want a fault: %t", query, err, good)
		}
	}
}
