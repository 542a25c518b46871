package plan

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

func TestJourneys(t *testing.T) {
	p := load(t, `
service: a
checks:
  - name: buy
    arms: both
    repeat: 2
    total: 20s
    journey:
      setup:
        - name: login
          http: { post: "{{ .Arm.URL }}/login", form: { user: bob, password: '{{ secret "shop.password" }}' } }
          extract: { token: $.token, sid: { cookie: sid, secret: true } }
      steps:
        - name: order
          http:
            post: "{{ .Arm.URL }}/orders"
            headers: { Authorization: 'Bearer {{ .Values.token }}', X-User: '{{ basic "bob" (secret "shop") }}' }
            status: 201
            json: { by: "{{ .Values.sid }}" }
          extract: { order: { regex: 'id=(\d+)' }, where: { header: Location } }
      cleanup:
        - name: cancel
          http: { delete: "{{ .Arm.URL }}/orders/{{ .Values.order }}", within: 1s }
`)
	yes := true
	want := []checks.Spec{{
		Name: "buy", When: checks.EachLook, Required: true, Retries: 1, Arms: checks.OnBoth, Repeat: 2, Total: 20 * time.Second,
		Journey: &checks.Journey{
			Setup: []checks.Step{{
				Name: "login",
				HTTP: checks.HTTP{Method: "POST", URL: "{{ .Arm.URL }}/login", Form: map[string]string{"user": "bob", "password": `{{ secret "shop.password" }}`}, Status: []int{200}},
				Extract: []checks.Extract{
					{As: "sid", Cookie: "sid", Secret: &yes}, {As: "token", JSON: "$.token"},
				},
			}},
			Steps: []checks.Step{{
				Name: "order",
				HTTP: checks.HTTP{
					Method: "POST", URL: "{{ .Arm.URL }}/orders", Status: []int{201}, JSON: map[string]any{"by": "{{ .Values.sid }}"},
					Headers: map[string]string{"Authorization": "Bearer {{ .Values.token }}", "X-User": `{{ basic "bob" (secret "shop") }}`},
				},
				Extract: []checks.Extract{{As: "order", Regex: `id=(\d+)`}, {As: "where", Header: "Location"}},
			}},
			Cleanup: []checks.Step{{
				Name: "cancel", HTTP: checks.HTTP{Method: "DELETE", URL: "{{ .Arm.URL }}/orders/{{ .Values.order }}", Status: []int{200}, Within: time.Second},
			}},
		},
	}}
	if diff := cmp.Diff(want, p.Checks); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
	pinned, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(pinned, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Checks, back.Checks); diff != "" {
		t.Errorf("pinned as JSON it differs (-want +got):\n%s", diff)
	}
}
