package gatecheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// path is that of evaluations.
const path = "/api/v2/deployments/gates/evaluation"

// maxAnswer bounds an answer, unpacked.
const maxAnswer = 1 << 20

// pair are the two keys.
type pair struct{ api, app string }

// attributes are those of a question for an evaluation.
type attributes struct {
	Service       string         `json:"service"`
	Env           string         `json:"env"`
	Identifier    string         `json:"identifier,omitempty"`
	Version       string         `json:"version,omitempty"`
	Configuration *configuration `json:"configuration,omitempty"`
}

type configuration struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	Type    string         `json:"type"`
	Name    string         `json:"name"`
	Options map[string]any `json:"options"`
}

// evaluation is one as it is now.
type evaluation struct {
	Status string `json:"gate_status"`
	Rules  []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		Reason string `json:"reason"`
		DryRun bool   `json:"dry_run"`
	} `json:"rules"`
}

// client asks Datadog's API. It holds no keys.
type client struct {
	url  string
	http *http.Client
}

func newClient(url string, transport http.RoundTripper) client {
	return client{url, &http.Client{
		Transport: transport,
		// A redirect would carry the keys to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

var evaluationID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// begin asks for an evaluation and returns its ID.
func (c client) begin(ctx context.Context, keys pair, a attributes) (string, error) {
	var ask struct {
		Data struct {
			Type       string     `json:"type"`
			Attributes attributes `json:"attributes"`
		} `json:"data"`
	}
	ask.Data.Type, ask.Data.Attributes = "deployment_gates_evaluation_request", a
	body, err := json.Marshal(ask)
	if err != nil {
		return "", err
	}
	var answer struct {
		Data struct {
			Attributes struct {
				ID string `json:"evaluation_id"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := c.do(ctx, keys, request{http.MethodPost, path, body}, &answer); err != nil {
		return "", err
	}
	if id := answer.Data.Attributes.ID; evaluationID.MatchString(id) {
		return id, nil
	}
	return "", errors.New("Datadog's answer has no evaluation_id")
}

// look returns an evaluation as it is now.
func (c client) look(ctx context.Context, keys pair, id string) (evaluation, error) {
	var answer struct {
		Data struct {
			Attributes evaluation `json:"attributes"`
		} `json:"data"`
	}
	err := c.do(ctx, keys, request{http.MethodGet, path + "/" + url.PathEscape(id), nil}, &answer)
	return answer.Data.Attributes, err
}

type request struct {
	method, path string
	body         []byte
}

// do sends a request and reads the answer.
func (c client) do(ctx context.Context, keys pair, r request, into any) error {
	req, err := http.NewRequestWithContext(ctx, r.method, c.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return errors.New("Datadog's URL cannot be used")
	}
	req.Header.Set("User-Agent", "serin")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("DD-API-KEY", keys.api)
	req.Header.Set("DD-APPLICATION-KEY", keys.app)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &unreached{err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("Datadog's answer switches protocols, which nobody asked for") // its body ends with nobody's time
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &unreached{err}
	case len(text) > maxAnswer:
		return errors.New("Datadog's answer is larger than 1 MiB")
	case resp.StatusCode/100 != 2:
		return &apiError{resp.StatusCode, pause(resp.Header), said(text)}
	case json.Unmarshal(text, into) != nil:
		return errors.New("Datadog's answer is not the JSON that it should be")
	}
	return nil
}

// unreached is a question that was not answered at all.
type unreached struct{ error }

// Unwrap returns the cause.
func (u *unreached) Unwrap() error { return u.error }

// apiError is an answer other than success.
type apiError struct {
	status int
	after  time.Duration // for how long not to ask again, where it says so
	said   string
}

// Error says what Datadog said, and what to do.
func (e *apiError) Error() string {
	text := fmt.Sprintf("Datadog answered %d", e.status)
	if e.said != "" {
		text += " (" + e.said + ")"
	}
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += "; are the keys of this site, and may the application key evaluate deployment gates?"
	case http.StatusNotFound:
		text += "; is there a gate of this service and env? Else give the check monitors or faulty"
	case http.StatusTooManyRequests:
		text += "; the organisation's limit of calls is used up"
	}
	return text
}

// later reports whether the same question may be answered later, and after how long.
func later(err error, absent bool) (after time.Duration, yes bool) {
	if refused := (*apiError)(nil); errors.As(err, &refused) {
		return refused.after, refused.status == http.StatusTooManyRequests || refused.status >= 500 || absent && refused.status == http.StatusNotFound
	}
	return 0, errors.As(err, new(*unreached))
}

// said finds Datadog's own words about a failure: texts, or objects with a title and a detail.
func said(text []byte) string {
	var body struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(text, &body) != nil {
		return ""
	}
	var parts []string
	for _, raw := range body.Errors {
		var plain string
		var object struct{ Title, Detail string }
		switch {
		case json.Unmarshal(raw, &plain) == nil:
			parts = append(parts, plain)
		case json.Unmarshal(raw, &object) == nil:
			parts = append(parts, strings.TrimSpace(object.Title+" "+object.Detail))
		}
	}
	return checks.Inert(strings.Join(parts, "; "), 300, nil)
}

// pause reads for how long Datadog wants to be left alone.
func pause(h http.Header) time.Duration {
	for _, name := range []string{"X-RateLimit-Reset", "Retry-After"} {
		if n, err := strconv.ParseFloat(h.Get(name), 64); err == nil && n > 0 && n < 3600 {
			return time.Duration(n * float64(time.Second))
		}
	}
	return 0
}
