package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Fired is an alert that is told to an Alertmanager itself, without a rule.
type Fired struct {
	// Labels tell the alert from every other; they are the same for as long as it lasts.
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	// EndsAt is when it is over unless it is told again; in the past, that it is over.
	EndsAt time.Time `json:"endsAt"`
	// GeneratorURL leads to what it is about.
	GeneratorURL string `json:"generatorURL,omitempty"`
}

// Alertmanager is one replica of an Alertmanager. Replicas tell each other what was
// notified and never what fires: each must be told.
type Alertmanager struct{ http *client }

// NewAlertmanager returns the replica at a server. Its URL has the path that
// --web.route-prefix says, if any.
func NewAlertmanager(s Server) (*Alertmanager, error) {
	c, err := newClient("alertmanager", s)
	if err != nil {
		return nil, err
	}
	return &Alertmanager{c}, nil
}

// Tell tells alerts. The same again changes nothing but when it ends.
func (a *Alertmanager) Tell(ctx context.Context, alerts ...Fired) error {
	text, err := json.Marshal(alerts)
	if err != nil {
		return &Error{Err: fmt.Errorf("alerts cannot be written: %w", err), Permanent: true}
	}
	_, err = a.http.ask(ctx, question{method: http.MethodPost, path: []string{"api", "v2", "alerts"}, body: text, kind: "application/json"})
	return err
}
