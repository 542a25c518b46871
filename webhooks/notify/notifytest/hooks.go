package notifytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// PagerDuty is the Events API v2 of one integration.
type PagerDuty struct {
	*server
	Key    string
	events []PagerEvent
}

// PagerEvent is an event that was taken.
type PagerEvent struct {
	Key     string `json:"routing_key"`
	Action  string `json:"event_action"`
	Dedup   string `json:"dedup_key"`
	Payload *struct {
		Summary, Source, Severity string
		Timestamp                 time.Time
		Details                   map[string]string `json:"custom_details"`
	}
	Links []struct{ Href, Text string }
}

// NewPagerDuty starts one.
func NewPagerDuty(t testing.TB) *PagerDuty {
	p := &PagerDuty{Key: strings.Repeat("k0", 16)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/enqueue", p.enqueue)
	p.server = newServer(t, mux)
	return p
}

// API is where events go.
func (p *PagerDuty) API() string { return p.URL + "/v2/enqueue" }

// Events returns the events that were taken.
func (p *PagerDuty) Events() []PagerEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

func (p *PagerDuty) enqueue(w http.ResponseWriter, r *http.Request) {
	var e PagerEvent
	err := read(r, &e)
	p.mu.Lock()
	defer p.mu.Unlock()
	var faults []string
	fault := func(bad bool, what string) {
		if bad {
			faults = append(faults, what)
		}
	}
	fault(err != nil, "the body is no JSON")
	fault(len(e.Key) != 32, "Length of 'routing_key' is incorrect (should be 32 characters)")
	fault(len(e.Key) == 32 && e.Key != p.Key, "'routing_key' is unknown")
	fault(chars(e.Dedup) > 255, "'dedup_key' is too long")
	switch e.Action {
	case "trigger":
		fault(e.Payload == nil, "'payload' is missing or blank")
		if e.Payload != nil {
			fault(e.Payload.Summary == "" || chars(e.Payload.Summary) > 1024, "'payload.summary' is missing or too long")
			fault(e.Payload.Source == "", "'payload.source' is missing or blank")
			fault(!slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity), "'payload.severity' is invalid")
		}
	case "resolve", "acknowledge":
		fault(e.Dedup == "", "'dedup_key' is missing or blank")
	default:
		fault(true, "'event_action' is invalid")
	}
	if len(faults) > 0 {
		answer(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": faults})
		return
	}
	p.events = append(p.events, e)
	answer(w, http.StatusAccepted, map[string]string{"status": "success", "message": "Event processed", "dedup_key": e.Dedup})
}

// Teams is a workflow with the trigger "when a Teams webhook request is received".
type Teams struct {
	*server
	cards []json.RawMessage
}

// NewTeams starts one.
func NewTeams(t testing.TB) *Teams {
	s := &Teams{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /workflows/{id}", s.take)
	s.server = newServer(t, mux)
	return s
}

// Address is where cards go: it has the credential in its query, as the real one.
func (s *Teams) Address() string { return s.URL + "/workflows/abc?sig=fake-signature-0000" }

// Cards returns the cards that were taken.
func (s *Teams) Cards() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cards)
}

func (s *Teams) take(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var m struct {
		Type        string
		Attachments []struct {
			Type    string `json:"contentType"`
			Content struct {
				Type, Version string
				Body          []json.RawMessage
				Actions       []struct{ Type, Title, URL string }
			}
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	switch {
	case r.URL.Query().Get("sig") != "fake-signature-0000":
		http.Error(w, "", http.StatusUnauthorized)
		return
	case err == nil && len(b) > 28<<10:
		err = fmt.Errorf("MessageSizeExceeded: %d bytes", len(b))
	case err == nil && (m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].Type != "application/vnd.microsoft.card.adaptive"):
		err = fmt.Errorf("no message with one adaptive card")
	}
	for _, a := range m.Attachments {
		if err == nil && (a.Content.Type != "AdaptiveCard" || a.Content.Version > "1.4" || len(a.Content.Body) == 0) {
			err = fmt.Errorf("Property 'type' must be 'AdaptiveCard', its version 1.4 at most")
		}
		for _, raw := range a.Content.Body {
			if err == nil {
				err = checkElement(raw)
			}
		}
		for _, x := range a.Content.Actions {
			if err == nil && (x.Type != "Action.OpenUrl" || x.Title == "" || !strings.HasPrefix(x.URL, "http")) {
				err = fmt.Errorf("an action of type %q", x.Type)
			}
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cards = append(s.cards, b)
	w.WriteHeader(http.StatusAccepted)
}

// checkElement knows the elements that are sent: texts in which no markup is read.
func checkElement(raw json.RawMessage) error {
	var e struct {
		Type    string
		Inlines []struct{ Type, Text string }
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	if e.Type != "RichTextBlock" || len(e.Inlines) == 0 {
		return fmt.Errorf("an element of type %q", e.Type)
	}
	for _, i := range e.Inlines {
		if i.Type != "TextRun" || i.Text == "" {
			return fmt.Errorf("an inline of type %q", i.Type)
		}
	}
	return nil
}
