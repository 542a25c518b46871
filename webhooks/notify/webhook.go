package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries/store"
	"github.com/serin-canary/serin/webhooks/reply"
)

// Webhook sends the verdict as JSON, signed by the Standard Webhooks specification as
// callbacks are, once at the end.
type Webhook struct {
	// URL is where it goes. It has no credentials: what is sent is signed.
	URL string `yaml:"url"`
	// Secrets are where signing secrets are (whsec_…): the new one and, while receivers
	// change over, the old one. Each signs.
	Secrets []store.Secret `yaml:"secrets"`
}

func (w *Webhook) check(at string, fault Fault) {
	if err := checkURL(w.URL); err != nil {
		fault(at+".url", "%s", err)
	} else if u, err := url.Parse(w.URL); err == nil && (u.RawQuery != "" || u.Fragment != "") {
		fault(at+".url", "the address is shown, so it has no query; receivers know Serin by its signature")
	}
	if len(w.Secrets) == 0 {
		fault(at+".secrets", "what is sent is signed, and there is no secret; name one: [file:/etc/serin/hook.secret]")
	}
	for i, s := range w.Secrets {
		if err := s.Check(); err != nil {
			fault(fmt.Sprintf("%s.secrets[%d]", at, i), "%s", err)
		}
	}
}

func (w *Webhook) open(o opening) (channel, error) {
	h := webhookTo{*w, caller{o.c.Client, o.c.Now}}
	if _, err := h.sign("id", time.Unix(0, 0), nil); err != nil {
		return nil, err
	}
	return h, nil
}

type webhookTo struct {
	Webhook
	caller
}

func (w webhookTo) host() string { return hostOf(w.URL) }

// probe implements channel.
func (w webhookTo) probe(context.Context) (string, error) {
	_, err := w.sign("id", w.now(), nil)
	return "the secrets can sign; a receiver cannot be tried without sending", err
}

// payload is what a receiver gets; docs/notifications.md describes it.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the verdict, or of the end
	Data      data      `json:"data"`
}

type data struct {
	Rollout   string         `json:"rollout"`
	Service   string         `json:"service"`
	Namespace string         `json:"namespace,omitempty"`
	Revision  string         `json:"revision"`
	Plan      string         `json:"plan"`
	Attempt   int            `json:"attempt"`
	Ref       string         `json:"ref,omitempty"`
	Text      string         `json:"text"`
	Report    string         `json:"report,omitempty"`
	Dashboard string         `json:"dashboard,omitempty"`
	Why       string         `json:"why,omitempty"` // it is over
	Verdict   *judge.Verdict `json:"verdict,omitempty"`
}

// eventName is the type of a payload, as callbacks have them.
func (n Notice) eventName() string {
	switch {
	case !n.Final && !n.Over:
		return "rollout." + pageWord
	case !n.Final:
		return "rollout." + closedWord
	case n.Outcome == judge.Promote.String():
		return "rollout.promoted"
	}
	return "rollout." + n.Outcome
}

// tell implements channel. The ID is the same whenever it is sent again.
func (w webhookTo) tell(ctx context.Context, m *message) error {
	return m.onceEach(ctx, func(int) error {
		text := m.text(asIs)
		if text == "" {
			text = m.Headline + ". " + m.brief()
		}
		body, err := json.Marshal(payload{m.eventName(), m.At, data{
			Rollout: m.ID, Service: m.Service, Namespace: m.Namespace, Revision: m.Revision, Plan: m.Plan, Attempt: m.Attempt, Ref: m.Ref,
			Text: text, Report: m.Report, Dashboard: m.Dashboard, Why: m.Why, Verdict: m.verdict,
		}})
		if err != nil {
			return err
		}
		header, err := w.sign(m.ID+"."+m.Target+"."+m.eventName(), w.now(), body)
		if err != nil {
			return refused(err)
		}
		a, err := w.do(ctx, call{method: http.MethodPost, url: w.URL, body: body, header: header})
		if err != nil {
			return err
		}
		return w.judged(a)
	})
}

// sign returns the headers of a body.
func (w webhookTo) sign(id string, now time.Time, body []byte) (http.Header, error) {
	var signers reply.Signers
	for _, s := range w.Secrets {
		text, err := s.Read()
		if err != nil {
			return nil, err
		}
		signer, err := reply.ReadSigner(text)
		if err != nil {
			return nil, fmt.Errorf("the secret at %s %w", s, err)
		}
		signers = append(signers, signer)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if err := signers.Sign(h, id, now, body); err != nil {
		return nil, errors.New("the secret could not sign")
	}
	return h, nil
}
