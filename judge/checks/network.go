package checks

import "time"

// TCP is a connection that must be accepted.
type TCP struct {
	// Address is host:port or an http or https URL; a template.
	Address string `json:"address" yaml:"address"`
	// Banner is a regular expression that must match what the server says first,
	// within 4 KiB.
	Banner string `json:"banner,omitempty" yaml:"banner,omitempty"`
	// TLS asks for a handshake first, and for a certificate that verifies.
	TLS bool `json:"tls,omitempty" yaml:"tls,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

// DNS is a question to a resolver and what its answer must hold.
type DNS struct {
	// Name is what is asked for; a template.
	Name string `json:"name" yaml:"name"`
	// Type is A, AAAA, CNAME or TXT.
	Type string `json:"type" yaml:"type"`
	// Resolver is host:port (default: the system's resolvers).
	Resolver string `json:"resolver,omitempty" yaml:"resolver,omitempty"`
	// Want is the exact set of answers, in any order; templates.
	Want []string `json:"want,omitempty" yaml:"want,omitempty"`
	// AtLeast is the least number of answers (0 means 1).
	AtLeast int `json:"atLeast,omitempty" yaml:"atLeast,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

// Handshake is a TLS handshake, and what must be true of the certificate, which is
// always verified.
type Handshake struct {
	// Address is host:port or an https URL; a template.
	Address string `json:"address" yaml:"address"`
	// ServerName is what the server is asked for (default: the address's host).
	ServerName string `json:"serverName,omitempty" yaml:"serverName,omitempty"`
	// Names must all be covered by the server's certificate.
	Names []string `json:"names,omitempty" yaml:"names,omitempty"`
	// DaysLeft is how many days the first certificate of the chain to expire must still
	// have.
	DaysLeft int `json:"daysLeft,omitempty" yaml:"daysLeft,omitempty"`
	// MinVersion is the oldest version that passes: 1.2 (default) or 1.3.
	MinVersion string `json:"minVersion,omitempty" yaml:"minVersion,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}
