package gatecheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/ddapi"
)

// path is that of evaluations.
const path = "/api/v2/deployments/gates/evaluation"

// maxAnswer bounds an answer, unpacked.
const maxAnswer = 1 << 20

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
func (c client) begin(ctx context.Context, keys ddapi.Pair, a attributes) (string, error) {
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
func (c client) look(ctx context.Context, keys ddapi.Pair, id string) (evaluation, error) {
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
func (c client) do(ctx context.Context, keys ddapi.Pair, r request, into any) error {
	req, err := http.NewRequestWithContext(ctx, r.method, c.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return errors.New("Datadog's URL cannot be used")
	}
	req.Header.Set("User-Agent", "serin")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("DD-API-KEY", keys.API)
	req.Header.Set("DD-APPLICATION-KEY", keys.App)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &ddapi.Unreached{Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("Datadog's answer switches protocols, which nobody asked for") // its body ends with nobody's time
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &ddapi.Unreached{Err: err}
	case len(text) > maxAnswer:
		return errors.New("Datadog's answer is larger than 1 MiB")
	case resp.StatusCode/100 != 2:
		return refusal(resp, text)
	case json.Unmarshal(text, into) != nil:
		return errors.New("Datadog's answer is not the JSON that it should be")
	}
	return nil
}

// refusal says what to do about an answer other than success.
func refusal(resp *http.Response, text []byte) error {
	return &ddapi.Refusal{
		Status: resp.StatusCode, After: ddapi.Pause(resp.Header), Said: said(text),
		Denied: "are the keys of this site, and may the application key evaluate deployment gates?",
		Absent: "is there a gate of this service and env? Else give the check monitors or faulty",
	}
}

// later reports whether the same question may be answered later, and after how long. What
// is not there may come, where absent says so.
func later(err error, absent bool) (after time.Duration, yes bool) {
	if refused := (*ddapi.Refusal)(nil); absent && errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return refused.After, true
	}
	return ddapi.Again(err)
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
