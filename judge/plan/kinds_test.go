package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

// TestKindsOfChecks ensures that what a plan says of each kind is what its runner is given.
func TestKindsOfChecks(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want checks.Spec
	}{
		"health": {`grpc: { address: "{{ .Canary.URL }}", service: shop.Orders, within: 2s }`, checks.Spec{GRPC: &checks.GRPC{
			Address: "{{ .Canary.URL }}", Service: "shop.Orders", Within: 2 * time.Second,
		}}},
		"unary": {`grpc: { address: "https://a:1", serverName: b, method: shop.Orders/Get, request: { id: "{{ .Revision }}" }, code: NOT_FOUND, assert: ['code == "NOT_FOUND"'], metadata: { x: y } }`,
			checks.Spec{GRPC: &checks.GRPC{
				Address: "https://a:1", ServerName: "b", Method: "shop.Orders/Get", Request: map[string]any{"id": "{{ .Revision }}"}, Code: "NOT_FOUND",
				Assert: []string{`code == "NOT_FOUND"`}, Metadata: map[string]string{"x": "y"},
			}}},
		"websocket": {`websocket: { url: "{{ .Canary.URL }}/ws", headers: { a: b }, subprotocol: s, send: hi, text: ho, matches: "^h", assert: ['body == "ho"'], within: 2s }`,
			checks.Spec{WebSocket: &checks.WebSocket{
				URL: "{{ .Canary.URL }}/ws", Headers: map[string]string{"a": "b"}, Subprotocol: "s", Send: "hi", Text: "ho", Matches: "^h",
				Assert: []string{`body == "ho"`}, Within: 2 * time.Second,
			}}},
		"prometheus": {`prometheus: { query: 'up{pod=~"{{ .Canary.Workload }}.*"}', expect: " >=-1.5e-3", assert: [count > 1], any: true, within: 2s }`,
			checks.Spec{Prometheus: &checks.Prometheus{
				Source: "main", Query: `up{pod=~"{{ .Canary.Workload }}.*"}`, Assert: []string{"value >= -1.5e-3", "count > 1"}, Any: true, Within: 2 * time.Second,
			}}},
		"Loki": {`logs: { loki: "http://loki:3100", query: '{app="{{ .Service }}"} |= "error"', since: 10m, max: 3, headers: { X-Scope-OrgID: a } }`,
			checks.Spec{Logs: &checks.Logs{
				Loki: "http://loki:3100", Query: `{app="{{ .Service }}"} |= "error"`, Since: 10 * time.Minute, Max: 3, Headers: map[string]string{"X-Scope-OrgID": "a"},
			}}},
		"a text": {`logs: { url: "{{ .Canary.URL }}/logs", pattern: "ERROR|panic", quiet: true }`,
			checks.Spec{Logs: &checks.Logs{URL: "{{ .Canary.URL }}/logs", Pattern: "ERROR|panic", Quiet: true}}},
		"exec": {`exec: { command: [./smoke.sh, "{{ .Canary.URL }}"], env: [TOKEN], exitCode: 3, matches: ok, within: 2s }`,
			checks.Spec{Exec: &checks.Exec{Command: []string{"./smoke.sh", "{{ .Canary.URL }}"}, Env: []string{"TOKEN"}, ExitCode: 3, Matches: "ok", Within: 2 * time.Second}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, "service: a\nsource: main\nchecks:\n  - name: x\n    "+c.text+"\n")
			c.want.Name, c.want.When, c.want.Required, c.want.Retries = "x", checks.EachLook, true, 1
			if diff := cmp.Diff([]checks.Spec{c.want}, p.Checks); diff != "" {
				t.Errorf("checks differ (-want +got):\n%s", diff)
			}
		})
	}
}
