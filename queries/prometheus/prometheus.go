// Package prometheus reads frames from a Prometheus server or anything that
// answers its HTTP API.
package prometheus

import (
	"context"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Config configures a [Source].
type Config struct {
	Name string `json:"name" yaml:"name"` // the source's name in plans
	URL  string `json:"url" yaml:"url"`
	// BearerFile and PasswordFile name files that hold the secrets; they are read at
	// each request, so that rotation needs no restart.
	BearerFile   string            `json:"bearerFile,omitempty" yaml:"bearerFile,omitempty"`
	Username     string            `json:"username,omitempty" yaml:"username,omitempty"`
	PasswordFile string            `json:"passwordFile,omitempty" yaml:"passwordFile,omitempty"`
	Headers      map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"` // X-Scope-OrgID
	CAFile       string            `json:"caFile,omitempty" yaml:"caFile,omitempty"`
	CertFile     string            `json:"certFile,omitempty" yaml:"certFile,omitempty"`
	KeyFile      string            `json:"keyFile,omitempty" yaml:"keyFile,omitempty"`
	Timeout      time.Duration     `json:"timeout,omitempty" yaml:"timeout,omitempty"` // default 30 s
	SeriesLimit  int               `json:"seriesLimit,omitempty" yaml:"seriesLimit,omitempty"`
	Concurrency  int               `json:"concurrency,omitempty" yaml:"concurrency,omitempty"` // default 16
}

// Source is a Prometheus server.
type Source struct{}

// New checks the configuration and returns a source; it does not connect.
func New(c Config) (*Source, error) { panic("skeleton") }

// Blocks implements queries.Source.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	panic("skeleton")
}

// Ping reports whether the server answers queries.
func (s *Source) Ping(ctx context.Context) error { panic("skeleton") }
