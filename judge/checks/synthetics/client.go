package synthetics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/serin-canary/serin/judge/checks"
)

// Keys gives the API key and the application key. It is asked at each run, so that keys
// that were changed are used at once. Its errors hold no part of a key.
type Keys func() (api, app string, err error)

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

// pair are the two keys.
type pair struct{ api, app string }

// read gives the keys, and hides them in everything that the check says.
func (k Keys) read(veil *checks.Veil) (pair, error) {
	if k == nil {
		return pair{}, errors.New("no keys of Datadog are configured; a server takes them from datadog: in its configuration, a command line from DD_API_KEY and DD_APP_KEY")
	}
	api, app, err := k()
	if err != nil {
		return pair{}, fmt.Errorf("the keys of Datadog: %w", err)
	}
	if veil != nil {
		veil.Learn(api, app)
	}
	return pair{api, app}, nil
}

// in returns a context that has the keys, where Datadog's client looks for them.
func (p pair) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, datadog.ContextAPIKeys, map[string]datadog.APIKey{"apiKeyAuth": {Key: p.api}, "appKeyAuth": {Key: p.app}})
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
		text += "; are the keys of this site, and may the application key run Synthetics tests?"
	case http.StatusNotFound:
		text += "; is there a test of that public ID in this organisation?"
	case http.StatusTooManyRequests:
		text += "; the organisation's limit of calls is used up"
	}
	return text
}

// unreached is a question that was not answered at all.
type unreached struct{ error }

// Unwrap returns the cause.
func (u *unreached) Unwrap() error { return u.error }

// again reports whether the same question may be answered later.
func again(err error) (after time.Duration, yes bool) {
	if refused := (*apiError)(nil); errors.As(err, &refused) {
		return refused.after, refused.status == http.StatusTooManyRequests || refused.status >= 500
	}
	return 0, errors.As(err, new(*unreached))
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
		return &unreached{err}
	}
	if r.StatusCode/100 == 2 {
		return errors.New("Datadog's answer is not the JSON that it should be")
	}
	out := &apiError{status: r.StatusCode, after: pause(r.Header)}
	text, readErr := io.ReadAll(io.LimitReader(r.Body, 4096))
	if readErr == nil {
		out.said = said(text)
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

// pause reads for how long Datadog wants to be left alone.
func pause(h http.Header) time.Duration {
	for _, name := range []string{"X-RateLimit-Reset", "Retry-After"} {
		if n, err := strconv.ParseFloat(h.Get(name), 64); err == nil && n > 0 && n < 3600 {
			return time.Duration(n * float64(time.Second))
		}
	}
	return 0
}
