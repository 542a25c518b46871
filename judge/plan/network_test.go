package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

func TestNetworkChecks(t *testing.T) {
	p := load(t, `
service: a
checks:
  - name: tcp
    tcp: { address: "{{ .Canary.URL }}", banner: "^SSH", tls: true, within: 2s }
  - name: dns
    dns: { name: "{{ .Service }}.test", want: [192.0.2.1], resolver: "10.0.0.53:53" }
  - name: tls
    tls: { address: "x:443", serverName: y, names: [z], daysLeft: 14, minVersion: "1.3" }
  - name: http
    http: { post: "{{ .Canary.URL }}/", form: { a: b }, redirects: never, assert: ["status == 200"] }
`)
	never := 0
	want := []checks.Spec{
		{Name: "tcp", TCP: &checks.TCP{Address: "{{ .Canary.URL }}", Banner: "^SSH", TLS: true, Within: 2 * time.Second}},
		{Name: "dns", DNS: &checks.DNS{Name: "{{ .Service }}.test", Type: "A", Resolver: "10.0.0.53:53", Want: []string{"192.0.2.1"}}},
		{Name: "tls", TLS: &checks.Handshake{Address: "x:443", ServerName: "y", Names: []string{"z"}, DaysLeft: 14, MinVersion: "1.3"}},
		{Name: "http", HTTP: &checks.HTTP{Method: "POST", URL: "{{ .Canary.URL }}/", Form: map[string]string{"a": "b"}, Redirects: &never, Assert: []string{"status == 200"}, Status: []int{200}}},
	}
	for i := range want {
		want[i].When, want[i].Required, want[i].Retries = checks.EachLook, true, 1
	}
	if diff := cmp.Diff(want, p.Checks); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
}
