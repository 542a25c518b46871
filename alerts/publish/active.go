package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/serin-canary/serin/alerts"
)

// firing asks the API of a Prometheus, or of what answers like one, whether alerts of
// a set are active.
func (c *client) firing(ctx context.Context, prefix []string, s alerts.Set) (bool, error) {
	text, err := c.ask(ctx, question{method: http.MethodGet, path: append(prefix[:len(prefix):len(prefix)], "api", "v1", "alerts")})
	if err != nil {
		return false, err
	}
	var answer struct {
		Data *struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Data == nil {
		return false, &Error{Err: fmt.Errorf("%s: its alerts cannot be read; check that the URL leads to it", c.name)}
	}
	for _, a := range answer.Data.Alerts {
		if a.Labels["managed_by"] == "serin" && a.Labels["rollout"] == s.ID && !quiet(a.State) {
			return true, nil
		}
	}
	return false, nil
}

// quiet reports whether a state is that of an alert that neither fires nor is about to.
// Prometheus lists no such alert; Grafana lists every one that it evaluates, as Normal
// or, with the reason, as Normal (NoData).
func quiet(state string) bool {
	state = strings.ToLower(state)
	return strings.HasPrefix(state, "normal") || state == "inactive"
}
