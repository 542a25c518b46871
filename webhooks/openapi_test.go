package webhooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

// TestTheSpecificationIsTheRoutes holds that every route is described, and nothing
// else is.
func TestTheSpecificationIsTheRoutes(t *testing.T) {
	w := newWorld(t)
	var doc specification
	if err := json.Unmarshal([]byte(w.want(w.do("GET", "/openapi.json", ""), 200).body), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	routes := map[string]bool{}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, r := range w.server.handler.(*echo.Echo).Routes() {
		if r.Method != echo.RouteNotFound {
			routes[r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}")] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(routes)); !slices.Equal(got, want) {
		t.Errorf("got described %v\nwant %v", got, want)
	}
	for name, v := range map[string]any{
		"Arm": rollout.Arm{}, "Weight": weightBody{}, "OverrideBody": overrideBody{}, "Override": judge.Override{}, "Look": lookBody{}, "Announcement": announcement{}, "FlaggerCall": flaggerCall{}, "QueryAnswer": queryAnswer{},
		"ArgoCall": argoCall{}, "ArgoRun": argoRun{}, "ArgoAnswer": argoAnswer{}, "Ready": readyBody{}, "Announced": announced{},
		"AlertGroup": alertGroup{}, "SentAlert": sentAlert{}, "AlertsTaken": alertsTaken{}, "ArgoNotice": argoNotice{}, "ArgoNoticeAnswer": noticeAnswer{},
		"KayentaRemoteCall": remoteCall{}, "KayentaThresholds": kayentaThresholds{}, "KayentaScope": kayentaScope{}, "KayentaRequest": kayentaRequest{},
		"KayentaPair": kayentaPair{}, "KayentaExecution": kayentaExecution{},
		"AzureCall": azureCall{}, "AzureAnswer": azureAnswered{}, "Taken": taken{},
		"Unpublished": report.Unpublished{}, "Status": statusBody{}, "Cancelled": cancelled{}, "Throttled": throttled{},
		"CodeDeployCall": codeDeployCall{}, "BusEvent": busEvent{}, "EventTaken": eventTaken{}, "LambdaEvent": lambdaEvent{}, "LambdaAnswer": lambdaAnswer{},
		"Verdict": judge.Verdict{}, "Finding": judge.Finding{}, "Effect": judge.Effect{}, "Moved": judge.Moved{},
		"Trace": judge.Trace{}, "MetricTrace": judge.MetricTrace{}, "TracePoint": judge.TracePoint{},
	} {
		var want []string
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			if tag, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); tag != "" {
				want = append(want, tag)
			}
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got properties %v, want %v", name, got, want)
		}
	}
	// Every reference leads somewhere.
	for _, ref := range regexp.MustCompile(`"#/components/schemas/(\w+)"`).FindAllStringSubmatch(string(openAPI), -1) {
		if _, ok := doc.Components.Schemas[ref[1]]; !ok {
			t.Errorf("got a reference to %s, which is not described", ref[1])
		}
	}
}
