package checks

import "time"

// WebSocket is a connection that is opened, greeted and closed.
type WebSocket struct {
	// URL begins with ws, wss, http or https; a template.
	URL string `json:"url" yaml:"url"`
	// Headers are sent with the request; values are templates.
	Headers map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"`
	// Subprotocol is asked for, and must be what the server chooses.
	Subprotocol string `json:"subprotocol,omitempty" yaml:"subprotocol,omitempty"`
	// Send is a text message that is sent first; a template.
	Send string `json:"send,omitempty" yaml:"send,omitempty"`
	// Text is what a message must be, in full; a template.
	Text string `json:"text,omitempty" yaml:"text,omitempty"`
	// Matches is a regular expression that a message must match.
	Matches string `json:"matches,omitempty" yaml:"matches,omitempty"`
	// Assert are the texts of [Assertion]s ([OfMessage]) that must all hold for a message.
	Assert []string `json:"assert,omitempty" yaml:"assert,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}
