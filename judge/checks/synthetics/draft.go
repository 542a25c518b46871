package synthetics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/serin-canary/serin/judge/checks"
)

// Design is what a test of Datadog's has beside the request and what it must answer.
type Design struct {
	Name      string // default: the check's
	Locations []string
	Message   string // of the monitor: what is told to whom
	Tags      []string
	Every     time.Duration // between two runs (default 60 s)
	// Failing is how long it must fail before the monitor alerts, and FailingAt at how
	// many locations (default 1).
	Failing   time.Duration
	FailingAt int
	Paused    bool
}

// Draft is an API test as Datadog is told of it.
type Draft struct {
	test datadogV1.SyntheticsAPITest
	// LeftOut says what of the check a test of Datadog's cannot say, one sentence each.
	LeftOut []string
}

// JSON returns the body of the request that creates the test.
func (d Draft) JSON() ([]byte, error) {
	text, err := json.Marshal(d.test)
	if err != nil {
		return nil, fmt.Errorf("the test cannot be written: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("the test cannot be written: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// NewDraft makes an API test of an HTTP check, against one target. A check with secrets
// is refused: the test would hold them for everybody to read.
func NewDraft(s checks.Spec, t checks.Target, d Design) (Draft, error) {
	if s.HTTP == nil {
		return Draft{}, fmt.Errorf("the check %s is of kind %s; tests are made of HTTP checks", s.Name, s.Kind())
	}
	if len(d.Locations) == 0 {
		return Draft{}, errors.New("a test runs somewhere; name a location such as aws:us-east-1")
	}
	if err := noSecrets(*s.HTTP); err != nil {
		return Draft{}, fmt.Errorf("the check %s: %w", s.Name, err)
	}
	if t.Arm.URL == "" {
		t.Arm = t.Canary
	}
	request, err := requestOf(*s.HTTP, t)
	if err != nil {
		return Draft{}, fmt.Errorf("the check %s cannot be a test: %w", s.Name, err)
	}
	var left leftOut
	config := datadogV1.SyntheticsAPITestConfig{Request: request, Assertions: assertionsOf(*s.HTTP, t, &left)}
	if d.Name == "" {
		d.Name = s.Name
	}
	test := datadogV1.NewSyntheticsAPITest(config, d.Locations, d.Message, d.Name, d.options(s), datadogV1.SYNTHETICSAPITESTTYPE_API)
	test.SetSubtype(datadogV1.SYNTHETICSTESTDETAILSSUBTYPE_HTTP)
	test.SetStatus(datadogV1.SYNTHETICSTESTPAUSESTATUS_LIVE)
	if d.Paused {
		test.SetStatus(datadogV1.SYNTHETICSTESTPAUSESTATUS_PAUSED)
	}
	if len(d.Tags) > 0 {
		test.SetTags(d.Tags)
	}
	return Draft{*test, left}, nil
}

func (d Design) options(s checks.Spec) datadogV1.SyntheticsTestOptions {
	if d.Every <= 0 {
		d.Every = time.Minute
	}
	var o datadogV1.SyntheticsTestOptions
	o.SetTickEvery(int64(d.Every / time.Second))
	o.SetMinFailureDuration(int64(d.Failing / time.Second))
	o.SetMinLocationFailed(int64(max(1, d.FailingAt)))
	if s.HTTP.Redirects != nil && *s.HTTP.Redirects == 0 {
		o.SetFollowRedirects(false)
	}
	if s.Retries > 0 {
		var r datadogV1.SyntheticsTestOptionsRetry
		r.SetCount(int64(s.Retries))
		r.SetInterval(300) // milliseconds; Datadog's own default
		o.SetRetry(r)
	}
	return o
}

// noSecrets refuses a check whose texts ask for a secret.
func noSecrets(h checks.HTTP) error {
	text, err := json.Marshal(h)
	if err != nil {
		return errors.New("it cannot be read")
	}
	if secretCall.Match(text) {
		return errors.New("it uses a secret, which everybody could read in the test; write a global variable of Datadog in its place")
	}
	return nil
}

// requestOf fills in what is sent.
func requestOf(h checks.HTTP, t checks.Target) (*datadogV1.SyntheticsTestRequest, error) {
	address, err := checks.Fill("URL", h.URL, t)
	if err != nil {
		return nil, err
	}
	if _, err := checks.ReadURL(address, "http", "https"); err != nil {
		return nil, err
	}
	headers, err := filled("headers", h.Headers, t)
	if err != nil {
		return nil, err
	}
	body, err := checks.Fill("body", h.Body, t)
	if err != nil {
		return nil, err
	}
	form, err := filled("form", h.Form, t)
	if err != nil {
		return nil, err
	}
	out := datadogV1.NewSyntheticsTestRequest()
	out.SetMethod(h.Method)
	out.SetUrl(address)
	if len(headers) > 0 {
		out.SetHeaders(headers)
	}
	switch {
	case len(form) > 0:
		values := url.Values{}
		for _, name := range slices.Sorted(maps.Keys(form)) {
			values.Set(name, form[name])
		}
		out.SetBody(values.Encode())
		out.SetBodyType(datadogV1.SYNTHETICSTESTREQUESTBODYTYPE_APPLICATION_X_WWW_FORM_URLENCODED)
	case body != "":
		out.SetBody(body)
		out.SetBodyType(bodyType(headers))
	}
	return out, nil
}

func bodyType(headers map[string]string) datadogV1.SyntheticsTestRequestBodyType {
	for name, value := range headers {
		if strings.EqualFold(name, "Content-Type") && strings.HasPrefix(strings.ToLower(value), "application/json") {
			return datadogV1.SYNTHETICSTESTREQUESTBODYTYPE_APPLICATION_JSON
		}
	}
	return datadogV1.SYNTHETICSTESTREQUESTBODYTYPE_TEXT_PLAIN
}

// Create creates the test, and returns its public ID. It is tried once: a second try
// could make a second test.
func (r *Runner) Create(ctx context.Context, d Draft) (string, error) {
	veil := &checks.Veil{}
	keys, err := r.keys.Read(veil)
	if err != nil {
		return "", err
	}
	made, resp, err := r.client.api.CreateSyntheticsAPITest(with(ctx, keys), d.test) //nolint:bodyclose // the client has read it whole, and closed it
	if err := refusal(resp, err); err != nil {
		return "", errors.New("the test was not created: " + veil.Hide(cause(err)))
	}
	if id := made.GetPublicId(); id != "" {
		return id, nil
	}
	return "", errors.New("Datadog's answer has no public ID; look whether the test was created")
}
