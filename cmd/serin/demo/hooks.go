package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// payload is the body of every Flagger webhook.
type payload struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     phase             `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// hookTimeout is Flagger's default for one attempt at a webhook.
const hookTimeout = 10 * time.Second

// hooks calls webhooks as Flagger does: 200, 201 and 202 are a yes, everything
// else is a no. The text of a no is the answer's body, except for 429 and 5xx,
// whose body Flagger loses.
type hooks struct {
	base   string // URL of the server, without a slash at the end
	client *http.Client
}

// newHooks returns hooks of the server at base.
func newHooks(base string) *hooks {
	return &hooks{base: strings.TrimRight(base, "/"), client: &http.Client{
		Timeout: hookTimeout,
		// Flagger builds a client for each call and uses no connection twice.
		Transport: &http.Transport{DisableKeepAlives: true},
	}}
}

// call posts one webhook and returns nil for a yes.
func (h *hooks) call(ctx context.Context, hook string, p payload) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("webhook %s: %w", hook, err)
	}
	url := h.base + "/flagger/" + hook
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook %s: %w", hook, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook %s: %w", hook, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("webhook %s: %w", hook, err)
	}
	switch {
	case resp.StatusCode <= http.StatusAccepted:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests,
		resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		return fmt.Errorf("POST %s giving up after 1 attempt(s)", url)
	}
	return errors.New(strings.TrimSpace(string(text)))
}
