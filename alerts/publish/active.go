package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

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
		Data struct {
			Alerts []struct {
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return false, &Error{Err: fmt.Errorf("%s: its alerts cannot be read: %w", c.name, err)}
	}
	for _, a := range answer.Data.Alerts {
		if a.Labels["managed_by"] == "serin" && a.Labels["rollout"] == s.ID {
			return true, nil
		}
	}
	return false, nil
}
