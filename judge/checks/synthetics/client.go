package synthetics

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/ddapi"
)

// client asks Datadog's API. It holds no keys.
type client struct{ api *datadogV1.SyntheticsApi }

func newClient(url string, transport http.RoundTripper) client {
	cfg := datadog.NewConfiguration()
	cfg.Servers = datadog.ServerConfigurations{{URL: url}}
	cfg.OperationServers = nil
	cfg.UserAgent = "serin"
	cfg.RetryConfiguration.EnableRetry = false // the runner tries again, and heeds its time
	cfg.HTTPClient = &http.Client{
		Transport: bounded{transport},
		// A redirect would carry the keys to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client{datadogV1.NewSyntheticsApi(datadog.NewAPIClient(cfg))}
}

// maxAnswer bounds an answer, unpacked. A batch of a hundred tests at ten locations has
// about 300 KB.
const maxAnswer = 4 << 20

// bounded cuts answers that no API gives.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Accept-Encoding") // the transport asks for gzip by itself, and unpacks it
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// with returns a context that has the keys, where Datadog's client looks for them.
func with(ctx context.Context, keys ddapi.Pair) context.Context {
	return context.WithValue(ctx, datadog.ContextAPIKeys, map[string]datadog.APIKey{"apiKeyAuth": {Key: keys.API}, "appKeyAuth": {Key: keys.App}})
}

// trigger has Datadog run tests, and returns the ID of the batch.
func (c client) trigger(ctx context.Context, tests []datadogV1.SyntheticsCITest) (string, error) {
	resp, r, err := c.api.TriggerCITests(ctx, datadogV1.SyntheticsCITestBody{Tests: tests}) //nolint:bodyclose // the client has read it whole, and closed it
	if err := refusal(r, err); err != nil {
		return "", err
	}
	if id := resp.BatchId.Get(); id != nil && *id != "" {
		return *id, nil
	}
	return "", errors.New("Datadog triggered nothing: its answer has no batch; are the tests paused, or is their type no API or browser test?")
}

// look returns a batch as it is now.
func (c client) look(ctx context.Context, id string) (batch, error) {
	resp, r, err := c.api.GetSyntheticsCIBatch(ctx, id) //nolint:bodyclose // the client has read it whole, and closed it
	if err := refusal(r, err); err != nil {
		return batch{}, err
	}
	// The client's own types refuse a status that they do not know, in_progress among
	// them, and keep the text instead; so both are read from the text.
	text, err := json.Marshal(resp)
	if err != nil {
		return batch{}, errors.New("Datadog's answer is no batch")
	}
	return readBatch(text)
}

// refusal turns what the client returns into an error in words.
func refusal(r *http.Response, err error) error {
	if err == nil && r != nil && r.StatusCode/100 == 2 {
		return nil
	}
	if r == nil {
		if err == nil {
			err = errors.New("no answer")
		}
		return &ddapi.Unreached{Err: err}
	}
	if r.StatusCode/100 == 2 {
		return errors.New("Datadog's answer is not the JSON that it should be")
	}
	out := &ddapi.Refusal{
		Status: r.StatusCode, After: ddapi.Pause(r.Header),
		Denied: "are the keys of this site, and may the application key run Synthetics tests?",
		Absent: "is there a test of that public ID in this organisation?",
	}
	text, readErr := io.ReadAll(io.LimitReader(r.Body, 4096))
	if readErr == nil {
		out.Said = said(text)
	}
	return out
}

// said finds Datadog's own words about a failure.
func said(text []byte) string {
	var body struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(text, &body) != nil || len(body.Errors) == 0 {
		return ""
	}
	return strings.Trim(checks.Excerpt(strings.Join(body.Errors, "; ")), `"`)
}
