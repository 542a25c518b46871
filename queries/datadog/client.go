package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	base "github.com/DataDog/datadog-api-client-go/v2/api/datadog"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/store"
)

// errRefused is the cause of an error about what was asked, and not about who asks or
// when.
var errRefused = errors.New("datadog: the question was refused")

// client makes calls through the base client of Datadog's SDK.
type client struct {
	cfg    Config
	http   *http.Client
	api    *base.APIClient
	budget *budget
	clock  store.Clock
	calls  atomic.Uint64
	read   atomic.Uint64 // bytes of answers
}

func newClient(c Config) *client {
	cfg := base.NewConfiguration()
	cfg.Servers = base.ServerConfigurations{{URL: c.URL}}
	cfg.UserAgent = "serin"
	cfg.RetryConfiguration.EnableRetry = false // what stands before the source tries again, for everybody
	cfg.RetryConfiguration.HTTPRetryTimeout = c.Timeout
	out := &client{cfg: c, http: store.NewClient(c.Timeout, nil), budget: &budget{reserve: max(c.Reserve, 0), now: c.Now}}
	out.clock.Watch(out.http)
	cfg.HTTPClient = out.http
	out.api = base.NewAPIClient(cfg)
	return out
}

// call asks one endpoint. With a body it posts, and reads the answer into into where
// that is not nil.
func (c *client) call(ctx context.Context, path string, query url.Values, body, into any) error {
	var keys [2]string
	for i, s := range []store.Secret{c.cfg.APIKey, c.cfg.AppKey} {
		k, err := s.Read()
		if err != nil {
			return &queries.Error{Fault: queries.Rejected, Source: c.cfg.Name, Text: err.Error()}
		}
		keys[i] = k
	}
	if err := c.budget.spend(c.cfg.Name); err != nil {
		return err
	}
	req, err := c.prepare(ctx, path, query, body, keys)
	if err != nil {
		return &queries.Error{Fault: queries.Rejected, Source: c.cfg.Name, Text: "the question cannot be written: " + store.Redact(err.Error(), keys[:]...)}
	}
	c.calls.Add(1)
	resp, err := c.api.CallAPI(req)
	if err != nil {
		return store.Unreached(c.cfg.Name, c.cfg.Timeout, err, keys[:]...)
	}
	defer resp.Body.Close()
	c.budget.learn(resp.Header)
	text, err := store.ReadAnswer(resp)
	if err != nil {
		return store.Unreached(c.cfg.Name, c.cfg.Timeout, err, keys[:]...)
	}
	c.read.Add(uint64(len(text)))
	if fault := store.Answered(c.cfg.Name, resp, words(text), keys[:]...); fault != nil {
		if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnprocessableEntity {
			fault.Err = errRefused
		}
		return fault
	}
	if err := json.Unmarshal(text, into); into != nil && err != nil {
		return &queries.Error{Fault: queries.Malformed, Source: c.cfg.Name, Text: "its answer is not the JSON that it should be: " + store.Redact(err.Error(), keys[:]...)}
	}
	return nil
}

// prepare writes a request with its credentials.
func (c *client) prepare(ctx context.Context, path string, query url.Values, body any, keys [2]string) (*http.Request, error) {
	ctx = context.WithValue(ctx, base.ContextAPIKeys, map[string]base.APIKey{"apiKeyAuth": {Key: keys[0]}, "appKeyAuth": {Key: keys[1]}})
	headers := map[string]string{"Accept": "application/json"}
	method := http.MethodGet
	if body != nil {
		method, headers["Content-Type"] = http.MethodPost, "application/json"
	}
	base.SetAuthKeys(ctx, &headers, [2]string{"apiKeyAuth", "DD-API-KEY"}, [2]string{"appKeyAuth", "DD-APPLICATION-KEY"})
	if query == nil {
		query = url.Values{}
	}
	req, err := c.api.PrepareRequest(ctx, c.cfg.URL+path, method, body, headers, query, url.Values{}, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Del("Accept-Encoding") // the transport's own is undone by the transport
	return req, nil
}

// words finds Datadog's own words about a failure.
func words(text []byte) string {
	var r struct {
		Errors json.RawMessage `json:"errors"`
		Error  string          `json:"error"`
	}
	if json.Unmarshal(text, &r) != nil {
		return string(text[:min(len(text), 300)])
	}
	if s := said(r.Errors); s != "" {
		return s
	}
	return r.Error
}
