package publish_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const example = "../../examples/alertmanager/alertmanager.yml"

func amtool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, "amtool"), args...).Output()
	if err != nil {
		t.Errorf("amtool %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The routes of the example bring alerts to whom it says.
func TestRoutes(t *testing.T) {
	amtool(t, "check-config", example)
	for labels, want := range map[string]string{
		"alertname=CanaryErrorsVsBaseline rollout=x managed_by=serin severity=page": "serin,pager",
		"alertname=BaselineMissing rollout=x managed_by=serin severity=ticket":      "serin,tickets",
		"alertname=HostDown severity=page":                                          "serin,tickets",
	} {
		got := amtool(t, append([]string{"config", "routes", "test", "--config.file=" + example}, strings.Fields(labels)...)...)
		if got != want {
			t.Errorf("%s: got %s, want %s", labels, got, want)
		}
	}
}

// A real Alertmanager with the example says nothing of a rollout's other alerts when it
// was rolled back, and of other rollouts everything.
func TestInhibition(t *testing.T) {
	am := "http://" + alertmanager(t, example)
	end := time.Now().Add(time.Hour).Format(time.RFC3339)
	var posted []map[string]any
	add := func(alert, rollout, severity string) {
		posted = append(posted, map[string]any{"endsAt": end, "labels": map[string]string{
			"alertname": alert, "rollout": rollout, "severity": severity, "managed_by": "serin",
		}})
	}
	add("CanaryErrorsVsBaseline", "one", "page")
	add("BaselineMissing", "one", "ticket")
	add("CanaryRolledBack", "one", "page")
	add("CanaryErrorsVsBaseline", "two", "page")
	text, err := json.Marshal(posted)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, am+"/api/v2/alerts", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := direct().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Body.Close()
	if a.StatusCode != http.StatusOK {
		t.Fatalf("got the status %d", a.StatusCode)
	}
	want := map[string]string{
		"CanaryErrorsVsBaseline one": "suppressed", "BaselineMissing one": "suppressed", "CanaryRolledBack one": "active", "CanaryErrorsVsBaseline two": "active",
	}
	await(t, "all others of the rollout are suppressed, and nothing else", func() bool {
		var all []struct {
			Labels map[string]string
			Status struct{ State string }
		}
		ask(t, am+"/api/v2/alerts", &all)
		got := map[string]string{}
		for _, x := range all {
			got[x.Labels["alertname"]+" "+x.Labels["rollout"]] = x.Status.State
		}
		return maps.Equal(got, want)
	})
}
